#include "apps/train/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/cli/terminal.h"
#include "core/error.h"
#include "data/class_counts.h"

namespace gradus {
namespace {

using Rows = std::vector<std::vector<std::string>>;

bool of_classes(const Scores& s) { return s.task() == Task::kClassification; }
bool of_text(const Scores& s) { return s.task() == Task::kLanguageModel; }
bool of_numbers(const Scores& s) { return s.errors().has_value(); }
bool of_bytes(const Scores& s) { return of_text(s) && s.info().vocabulary.size() == 256; }

nlohmann::ordered_json number_json(double v) {
  return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json();
}

// Numbers at the right of their columns.
std::string aligned(Rows rows, size_t first) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (auto& row : rows)
    for (size_t i = first; i < row.size(); ++i) row[i] = fmt::format("{:>{}}", row[i], widths[i]);
  return columns(rows);
}

constexpr int64 kShownClasses = 20;

std::string class_rows(const Predictions& p, const DatasetInfo& info) {
  const auto row = [](const std::string& name, const ClassScore& s) {
    return std::vector<std::string>{name, fmt::format("{}", s.support), percent(s.precision),
                                    percent(s.recall), percent(s.f1)};
  };
  std::vector<int64> shown(static_cast<size_t>(p.classes()));
  std::iota(shown.begin(), shown.end(), int64{0});
  if (p.classes() > kShownClasses) {
    std::erase_if(shown, [&](int64 c) { return std::isnan(p.of(c).f1); });
    std::stable_sort(shown.begin(), shown.end(), [&](int64 a, int64 b) { return p.of(a).f1 < p.of(b).f1; });
    shown.resize(std::min(shown.size(), static_cast<size_t>(kShownClasses)));
  }
  Rows rows = {{"class", "support", "precision", "recall", "f1"}};
  for (const int64 c : shown) rows.push_back(row(class_name(info, c), p.of(c)));
  rows.push_back(row("mean", p.mean()));
  std::string text = aligned(rows, 1);
  if (p.classes() > kShownClasses)
    text += fmt::format("({} of {} classes, those with the least f1; --json has all)\n", shown.size(),
                        p.classes());
  return text;
}

std::string confusion_rows(const Predictions& p, const DatasetInfo& info) {
  Rows rows;
  if (p.classes() > kShownClasses) {
    constexpr int64 kPairs = 10;
    rows = {{"class", "taken for", "times"}};
    for (const Predictions::Pair& pair : p.confusions(kPairs))
      rows.push_back(
          {class_name(info, pair.label), class_name(info, pair.predicted), fmt::format("{}", pair.count)});
    return rows.size() == 1 ? "" : "\n" + aligned(rows, 2);
  }
  // Columns of long names would be wider than a terminal: they are headed by the number of their class.
  constexpr size_t kShortName = 6;
  bool numbered = false;
  for (int64 c = 0; c < p.classes(); ++c) numbered = numbered || class_name(info, c).size() > kShortName;
  rows.push_back({"true \\ said"});
  for (int64 c = 0; c < p.classes(); ++c)
    rows[0].push_back(numbered ? fmt::format("{}", c) : class_name(info, c));
  for (int64 label = 0; label < p.classes(); ++label) {
    rows.push_back(
        {numbered ? fmt::format("{} {}", label, class_name(info, label)) : class_name(info, label)});
    for (int64 c = 0; c < p.classes(); ++c)
      rows.back().push_back(p.count(label, c) ? fmt::format("{}", p.count(label, c)) : ".");
  }
  return "\n" + aligned(rows, 1);
}

}  // namespace

void Errors::add(const Tensor& output, const Tensor& wanted, const std::vector<double>& scale) {
  if (output.numel() != wanted.numel() || output.dim(0) != wanted.dim(0))
    fail<ShapeError>("scores: outputs of shape {} against targets of shape {}", output.shape().str(),
                     wanted.shape().str());
  const auto one = static_cast<size_t>(output.dim(0) ? output.numel() / output.dim(0) : 0);
  columns_.resize(std::max(columns_.size(), one));
  for (int64 i = 0; i < output.numel(); ++i) {
    Column& c = columns_[static_cast<size_t>(i) % one];
    if (static_cast<size_t>(i) % one == 0) ++rows_;
    const size_t k = static_cast<size_t>(i) % one;
    const double unit = k < scale.size() ? scale[k] : 1, w = static_cast<double>(wanted.data()[i]),
                 y = w * unit, e = (static_cast<double>(output.data()[i]) - w) * unit;
    absolute_ += std::abs(e);
    c.squares += e * e;
    // Welford's recurrence: exact also where the values are large and their differences small.
    const double step = y - c.mean;
    c.mean += step / static_cast<double>(rows_);
    c.deviations += step * (y - c.mean);
  }
}

double Errors::mse() const {
  double sum = 0;
  for (const Column& c : columns_) sum += c.squares;
  return sum / static_cast<double>(rows_ * static_cast<int64>(columns_.size()));
}

double Errors::rmse() const { return std::sqrt(mse()); }

double Errors::mae() const {
  return absolute_ / static_cast<double>(rows_ * static_cast<int64>(columns_.size()));
}

double Errors::r2() const {
  double sum = 0;
  for (const Column& c : columns_) sum += c.deviations > 0 ? 1 - c.squares / c.deviations : std::nan("");
  return sum / static_cast<double>(columns_.size());
}

Scores::Scores(Task task, const DatasetInfo& info, int64 mistakes) : task_(task), info_(info) {
  if (task == Task::kClassification && info.classes > 0) predictions_.emplace(info.classes, mistakes);
  if (task == Task::kRegression || task == Task::kAutoencoder) errors_.emplace();
}

void Scores::add(const Batch& batch, const Tensor& output) {
  if (predictions_) predictions_->add(batch, output);
  if (!errors_) return;
  task_ == Task::kAutoencoder ? errors_->add(output, batch.x)
                              : errors_->add(output, batch.targets, info_.target_std);
}

nlohmann::ordered_json Scores::json(const std::string& prefix) const {
  nlohmann::ordered_json json;
  for (const Metric& m : metrics())
    if (m.applies(*this)) json[prefix + "_" + m.name] = number_json(m.value(*this));
  return json;
}

void Scores::add_classes(nlohmann::ordered_json& result) const {
  if (!predictions_) return;
  constexpr int64 kMatrix = 100;
  const Predictions& p = *predictions_;
  auto& classes = result["classes"] = nlohmann::ordered_json::array();
  for (int64 c = 0; c < p.classes(); ++c) {
    const ClassScore s = p.of(c);
    classes.push_back({{"class", c},
                       {"name", class_name(info_, c)},
                       {"support", s.support},
                       {"precision", number_json(s.precision)},
                       {"recall", number_json(s.recall)},
                       {"f1", number_json(s.f1)}});
  }
  auto& confusion = result["confusion"] = nlohmann::ordered_json::array();
  if (p.classes() > kMatrix) {
    for (const Predictions::Pair& pair : p.confusions(kMatrix))
      confusion.push_back({{"class", pair.label}, {"taken_for", pair.predicted}, {"times", pair.count}});
    return;
  }
  for (int64 label = 0; label < p.classes(); ++label) {
    auto row = nlohmann::ordered_json::array();
    for (int64 c = 0; c < p.classes(); ++c) row.push_back(p.count(label, c));
    confusion.push_back(row);
  }
}

Rows Scores::rows(const std::string& prefix) const {
  Rows rows;
  for (const Metric& m : metrics()) {
    if (!m.applies(*this)) continue;
    std::string name = (prefix.empty() ? "" : prefix + " ") + m.name;
    std::replace(name.begin(), name.end(), '_', ' ');
    rows.push_back({name, m.text(m.value(*this))});
  }
  return rows;
}

std::string Scores::tables() const {
  if (!predictions_ || predictions_->examples() == 0) return "";
  return class_rows(*predictions_, info_) + confusion_rows(*predictions_, info_);
}

std::optional<Scores> scores_on(Model& model, const DatasetPtr& data, const EvaluateOptions& options,
                                int64 mistakes) {
  Scores scores(model.task(), data->info(), mistakes);
  EvaluateOptions how = options;
  how.each = [&](const Batch& batch, const Tensor& output) {
    if (options.each) options.each(batch, output);
    scores.add(batch, output);
  };
  const std::optional<Score> sums = evaluate(model, data, how);
  if (!sums) return std::nullopt;
  scores.set_sums(*sums);
  return scores;
}

std::string Metric::text(double v) const { return share ? percent(v) : brief(v); }

const std::vector<Metric>& metrics() {
  using S = const Scores&;
  static const auto has_labels = [](S s) { return of_classes(s) || of_text(s); };
  static const auto always = [](S) { return true; };
  static const std::vector<Metric> table = {
      {"loss", "mean loss, without label smoothing or weights of classes", false, false, always,
       [](S s) { return s.sums().loss(); }},
      {"accuracy", "share of examples (characters) that are predicted", true, true,
       [](S s) { return has_labels(s); }, [](S s) { return s.sums().accuracy(); }},
      {"top5", "share of examples whose class is among the five most likely", true, true,
       [](S s) { return of_classes(s) && s.info().classes > Predictions::kTop; },
       [](S s) { return s.predictions()->top(); }},
      {"precision", "mean over classes of right / predicted as this class", true, true, of_classes,
       [](S s) { return s.predictions()->mean().precision; }},
      {"recall", "mean over classes of right / examples of this class (balanced accuracy)", true, true,
       of_classes, [](S s) { return s.predictions()->mean().recall; }},
      {"f1", "mean over classes of the harmonic mean of precision and recall (macro F1)", true, true,
       of_classes, [](S s) { return s.predictions()->mean().f1; }},
      {"calibration_error", "how far the probability of the class predicted is from the share that is right",
       false, true, of_classes, [](S s) { return s.predictions()->calibration_error(); }},
      {"mse", "mean squared error", false, false, of_numbers, [](S s) { return s.errors()->mse(); }},
      {"rmse", "its root", false, false, of_numbers, [](S s) { return s.errors()->rmse(); }},
      {"mae", "mean absolute error", false, false, of_numbers, [](S s) { return s.errors()->mae(); }},
      {"r2", "share of the targets' variance that is explained", true, false,
       [](S s) { return s.task() == Task::kRegression; }, [](S s) { return s.errors()->r2(); }},
      {"psnr", "of a field, in dB: -10 log10 of the mean squared error of values in [0,1]", true, false,
       [](S s) { return s.task() == Task::kRegression && s.info().name == "field"; },
       [](S s) { return -10 * std::log10(std::max(s.errors()->mse(), 1e-12)); }},
      {"perplexity", "exp(loss)", false, false, of_text, [](S s) { return std::exp(s.sums().loss()); }},
      {"bits_per_character", "loss / log 2", false, false, [](S s) { return of_text(s) && !of_bytes(s); },
       [](S s) { return s.sums().loss() / std::log(2.0); }},
      {"bits_per_byte", "the same of texts taken as bytes", false, false, of_bytes,
       [](S s) { return s.sums().loss() / std::log(2.0); }},
  };
  return table;
}

std::vector<std::string> metric_words() {
  std::vector<std::string> words = {"auto"};
  for (const Metric& m : metrics()) words.push_back(m.name);
  return words;
}

const Metric& deciding_metric(const std::string& name, Task task, const DatasetInfo& info) {
  const Scores of_task(task, info);
  std::vector<std::string> valid;
  for (const Metric& m : metrics())
    if (m.applies(of_task)) valid.push_back(m.name);
  const std::string wanted =
      name != "auto"
          ? name
          : (std::find(valid.begin(), valid.end(), "accuracy") != valid.end() ? "accuracy" : "loss");
  if (std::find(valid.begin(), valid.end(), wanted) == valid.end())
    fail<UsageError>("--metric {}: {} has none; it has: {}", name, task_name(task), fmt::join(valid, ", "));
  return *std::find_if(metrics().begin(), metrics().end(), [&](const Metric& m) { return m.name == wanted; });
}

}  // namespace gradus
