#include "apps/commands/run_results.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/terminal.h"
#include "apps/report/plot.h"
#include "apps/train/scores.h"
#include "apps/train/trainer.h"
#include "data/fitted.h"
#include "data/registry.h"
#include "nn/generate.h"
#include "nn/layer_table.h"
#include "nn/registry.h"

namespace gradus {
namespace {

std::string class_text(const DatasetInfo& info, int64 label) {
  return label < static_cast<int64>(info.class_names.size()) ? info.class_names[static_cast<size_t>(label)]
                                                             : fmt::format("{}", label);
}

std::string count_text(int64 n) { return fmt::format("{}", n); }

std::string share_text(int64 part, int64 whole) {
  return whole ? fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole))
               : "-";
}

Html layers_section(Model& model) {
  const LayerTable layers = layer_table(model);
  html::Table t{.head = {html::cell("name"), html::cell("layer"), html::cell("output"),
                         html::number("parameters"), html::number("FLOPs")}};
  for (const LayerRow& r : layers.rows)
    t.rows.push_back({html::row_head(html::code(r.name.empty() ? "(model)" : r.name)),
                      {html::code(r.layer)},
                      {html::code(r.output.str())},
                      html::number(count_text(r.parameters)),
                      html::number(short_number(r.flops))});
  t.rows.push_back({html::row_head(html::text("total")),
                    html::cell(fmt::format("{} trainable", layers.trainable)), html::cell(""),
                    html::number(count_text(layers.parameters)), html::number(short_number(layers.flops))});
  return html::heading(2, "Layers", "layers") +
         html::paragraph(html::soft(
             fmt::format("{} on an example of shape {}", model.spec(), model.example(1).shape().str()))) +
         html::table(t);
}

Html mistakes_section(const Predictions& predictions, const Dataset& data) {
  const DatasetInfo& info = data.info();
  if (info.kind != DataKind::kImages || predictions.mistakes().empty()) return {};
  const int64 c = info.example[0], h = info.example[1], w = info.example[2];
  if (c != 1 && c != 3) return {};
  std::vector<html::Tile> tiles;
  for (const Mistake& m : predictions.mistakes()) {
    Image image{c, h, w, std::vector<std::uint8_t>(static_cast<size_t>(c * h * w))};
    data.read_pixels(m.index, image.pixels.data());
    const std::string said = fmt::format("{} {:.1f} %", class_text(info, m.predicted), 100 * m.probability);
    const std::string is = fmt::format("is {}, {:.2g} %", class_text(info, m.label), 100 * m.of_label);
    tiles.push_back({image, fmt::format("example {}: {}, {}", m.index, said, is),
                     html::text(said) + Html::trusted("<br />") + html::soft(is)});
  }
  return html::heading(3, "Most confident mistakes", "mistakes") +
         html::paragraph(html::soft("What the model takes each image for and how surely, and what it is.")) +
         html::tiles(tiles);
}

// Collects what a regression says beside what it should.
struct TargetPairs {
  std::vector<std::vector<double>> predicted, wanted;  // of each output
  void add(const Batch& batch, const Tensor& output, const DatasetInfo& info) {
    if (!batch.targets.defined() || output.numel() != batch.targets.numel()) return;
    const auto outputs = static_cast<size_t>(output.numel() / std::max<int64>(output.dim(0), 1));
    predicted.resize(outputs), wanted.resize(outputs);
    for (int64 i = 0; i < output.numel(); ++i) {
      const auto k = static_cast<size_t>(i) % outputs;
      predicted[k].push_back(in_units(static_cast<double>(output.data()[i]), k, info));
      wanted[k].push_back(in_units(static_cast<double>(batch.targets.data()[i]), k, info));
    }
  }
};

Html regression_section(const TargetPairs& pairs) {
  constexpr size_t kMostPlots = 4;
  html::Table t{.head = {html::cell("output"), html::number("root mean squared error"),
                         html::number("mean absolute error"), html::number("R²")}};
  std::vector<std::string> plots;
  for (size_t k = 0; k < pairs.predicted.size(); ++k) {
    const auto &p = pairs.predicted[k], &y = pairs.wanted[k];
    const auto n = static_cast<double>(y.size());
    double mean = 0, errors = 0, absolute = 0, total = 0;
    for (const double v : y) mean += v / n;
    for (size_t i = 0; i < y.size(); ++i)
      errors += (p[i] - y[i]) * (p[i] - y[i]), absolute += std::abs(p[i] - y[i]),
          total += (y[i] - mean) * (y[i] - mean);
    t.rows.push_back({html::cell(count_text(static_cast<int64>(k))),
                      html::number(brief(std::sqrt(errors / n))), html::number(brief(absolute / n)),
                      html::number(total > 0 ? fmt::format("{:.4f}", 1 - errors / total) : "-")});
    if (plots.size() == kMostPlots || y.empty()) continue;
    const auto [low, high] = std::minmax_element(y.begin(), y.end());
    const LinePlot plot{
        .title = pairs.predicted.size() == 1 ? "Predicted against true"
                                             : fmt::format("Output {}: predicted against true", k),
        .x = {.label = "true"},
        .y = {.label = "predicted"},
        .series = {{.name = "equal", .x = {*low, *high}, .y = {*low, *high}, .kind = SeriesKind::kReference},
                   {.name = "test examples", .x = y, .y = p, .kind = SeriesKind::kPoints}}};
    plots.push_back(svg(plot, {.id = fmt::format("regression-{}", k), .standalone = false, .height = 300}));
  }
  return html::table(t) + html::figures(plots);
}

Html sample_section(TokenModel& model, const DatasetInfo& info) {
  constexpr int64 kLength = 400;
  const SampleOptions how{.temperature = 0.8};
  Rng rng = Rng(0).fork("sample");
  std::string text;
  generate(model, prompt_tokens("", info), kLength, how, rng, [&](int64 token) {
    text += info.vocabulary[static_cast<size_t>(token)];
    return true;
  });
  return html::heading(3, "A sample", "sample") +
         html::paragraph(html::soft(fmt::format("{} tokens at temperature 0.8, seed 0.", kLength))) +
         html::preformatted(text, true);
}

// The run's weights and what they say of themselves; nothing where there are none.
std::optional<Weights> weights_of(const RunSummary& run, const WeightsOptions& options, Html& notes) {
  const std::string best = run.path + "/best.safetensors";
  if (run.finished) return find_weights(run.path, options);
  if (!std::filesystem::exists(best)) {
    notes +=
        html::note(html::text("There are no weights yet: the run has saved neither model.safetensors nor "
                              "best.safetensors. Layers and scores need them."));
    return std::nullopt;
  }
  notes += html::note(
      html::text("The run has not ended: scores are those of best.safetensors, its best weights so far."));
  return find_weights(best, options);
}

Html scores_section(Model& model, const Data& data, const Weights& weights, const ResultsOptions& options) {
  const DatasetInfo& info = data.info();
  const bool text = model.task() == Task::kLanguageModel, classes = model.task() == Task::kClassification;
  TargetPairs pairs;
  EvaluateOptions how{.batch_size = options.batch_size, .limit = options.limit};
  how.each = [&](const Batch& batch, const Tensor& output) {
    if (model.task() == Task::kRegression) pairs.add(batch, output, info);
  };
  const Scores scores = *scores_on(model, data.test, how, options.mistakes);
  const Score& score = scores.sums();
  std::vector<std::pair<std::string, std::string>> rows = {
      {"test set", fmt::format("{} {}{}", score.count, text ? "tokens" : "examples",
                               options.limit && options.limit < data.test->size()
                                   ? fmt::format(" (of the first {} examples)", options.limit)
                                   : "")},
      {"weights", std::filesystem::path(weights.file).filename().string()}};
  for (const auto& row : scores.rows("")) rows.emplace_back(row[0], row[1]);
  Html out = html::heading(2, "On the test set", "test") + html::table_of(rows);
  if (classes)
    out +=
        confusion_tables(*scores.predictions(), info) + mistakes_section(*scores.predictions(), *data.test);
  if (model.task() == Task::kRegression) out += regression_section(pairs);
  return out;
}

// The confusions of many classes as a picture, a row a true class; brightness is the root of a place's share of its row, so that
// few are to be seen. At least 300 pixels wide.
Image confusion_picture(const Predictions& predictions) {
  constexpr int64 kLeastWidth = 300;
  const int64 n = predictions.classes(), scale = std::max<int64>(1, (kLeastWidth + n - 1) / n),
              side = n * scale;
  Image image{1, side, side, std::vector<std::uint8_t>(static_cast<size_t>(side * side))};
  for (int64 y = 0; y < side; ++y)
    for (int64 x = 0; x < side; ++x) {
      const auto whole = static_cast<double>(std::max<int64>(predictions.of_class(y / scale), 1));
      const double share = static_cast<double>(predictions.count(y / scale, x / scale)) / whole;
      image.pixels[static_cast<size_t>(y * side + x)] =
          static_cast<std::uint8_t>(std::lround(255 * std::sqrt(share)));
    }
  return image;
}

}  // namespace

Html confusion_tables(const Predictions& predictions, const DatasetInfo& info) {
  constexpr int64 kMatrix = 25, kPairs = 30;
  const int64 n = predictions.classes();
  Html out;
  if (n <= kMatrix) {
    html::Table t{.caption = "rows: the true class; columns: what the model says",
                  .head = {html::cell("")},
                  .grid = true};
    for (int64 c = 0; c < n; ++c) t.head.push_back(html::cell(class_text(info, c)));
    for (int64 label = 0; label < n; ++label) {
      std::vector<html::Cell> row = {html::row_head(html::text(class_text(info, label)))};
      const auto whole = static_cast<double>(std::max<int64>(predictions.of_class(label), 1));
      for (int64 c = 0; c < n; ++c) {
        const int64 count = predictions.count(label, c);
        html::Cell cell = html::cell(count ? count_text(count) : "");
        // A few per cent of mistakes are to be seen.
        const double share = static_cast<double>(count) / whole;
        if (count) cell.shade = c == label ? 0.6 * share : std::sqrt(share), cell.alarming = c != label;
        row.push_back(cell);
      }
      t.rows.push_back(row);
    }
    out += html::heading(3, "Confusion matrix", "confusion") + html::table(t);
  } else {
    html::Table t{.caption = "most frequent confusions",
                  .head = {html::cell("class"), html::cell("taken for"), html::number("times"),
                           html::number("of its examples")}};
    for (const auto& p : predictions.confusions(kPairs))
      t.rows.push_back({html::row_head(html::text(class_text(info, p.label))),
                        html::cell(class_text(info, p.predicted)), html::number(count_text(p.count)),
                        html::number(share_text(p.count, predictions.of_class(p.label)))});
    out += html::heading(3, "Confusions", "confusion");
    constexpr int64 kPicture = 1000;
    if (n <= kPicture)
      out += html::tiles(
          {{confusion_picture(predictions), fmt::format("confusion matrix of {} classes", n),
            html::soft("rows: the true class; columns: what the model says; the brighter the more")}});
    out += html::table(t);
  }
  html::Table each{.head = {html::cell("class"), html::number("examples"), html::number("recall"),
                            html::number("precision"), html::number("F1")}};
  for (int64 c = 0; c < n; ++c) {
    const int64 right = predictions.count(c, c);
    each.rows.push_back(
        {html::row_head(html::text(class_text(info, c))), html::number(count_text(predictions.of_class(c))),
         html::number(share_text(right, predictions.of_class(c))),
         html::number(share_text(right, predictions.taken_for(c))),
         html::number(share_text(2 * right, predictions.of_class(c) + predictions.taken_for(c)))});
  }
  return out + html::details("each class: recall, precision and F1", html::table(each), n <= 12);
}

Html results_sections(const RunSummary& run, const WeightsOptions& options, const ResultsOptions& how,
                      std::vector<std::string>& complaints) {
  Html out;
  // Whatever fails is said where it would stand; what came before stays.
  const auto attempt = [&](const char* what, const auto& work) {
    try {
      work();
      return true;
    } catch (const Error& e) {
      complaints.push_back(fmt::format("{}: {}", what, e.what()));
      out += html::note(html::text(complaints.back()));
      return false;
    }
  };
  std::optional<Weights> weights;
  if (!attempt("no weights", [&] { weights = weights_of(run, options, out); }) || !weights) return out;
  WeightsOptions places = options;
  if (places.data_dir.empty()) places.data_dir = run.config.data_dir;
  std::optional<Data> data;
  attempt("no scores", [&] {
    data = open_data(weights->data, {.data_dir = places.data_dir, .block = block_of(weights->model)});
  });
  if (!data && !weights->info) return out;
  std::unique_ptr<Model> model;
  const DatasetInfo info = data ? data->info() : *weights->info;
  if (!attempt("no model", [&] { model = load_model(*weights, info); })) return out;
  if (data) attempt("no scores", [&] { out += scores_section(*model, *data, *weights, how); });
  if (auto* reader = dynamic_cast<TokenModel*>(model.get()))
    attempt("no sample", [&] { out += sample_section(*reader, info); });
  attempt("no layers", [&] { out += layers_section(*model); });
  return out;
}

}  // namespace gradus
