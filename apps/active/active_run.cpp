#include "apps/active/active_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "apps/report/plot.h"
#include "apps/train/checkpoint.h"
#include "apps/train/evaluate.h"
#include "apps/train/trainer.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/class_counts.h"
#include "data/contact_sheet.h"
#include "data/registry.h"
#include "data/views.h"
#include "nn/registry.h"
#include "nn/state_dict.h"

namespace gradus {
namespace {

double number_of(const nlohmann::json& j) { return j.is_null() ? std::nan("") : j.get<double>(); }

// A number of a run, which JSON may not have.
nlohmann::ordered_json number_or_null(double v) {
  return std::isfinite(v) ? nlohmann::ordered_json(v) : nullptr;
}

Data open_pool(const ActiveConfig& config) {
  return open_data(config.data, {.data_dir = config.data_dir, .block = block_of(config.model)});
}

}  // namespace

nlohmann::ordered_json active_row_json(const ActiveRow& r) {
  return {{"round", r.round},
          {"labels", r.labels},
          {"train_loss", number_or_null(r.train_loss)},
          {"test_loss", number_or_null(r.test_loss)},
          {"test_accuracy", number_or_null(r.test_accuracy)},
          {"test_recall", number_or_null(r.test_recall)},
          {"rarest", r.rarest},
          {"seconds", std::round(r.seconds * 1e3) / 1e3}};
}

ActiveRow active_row_from(const nlohmann::json& j) {
  return {.round = j.at("round").get<int64>(),
          .labels = j.at("labels").get<int64>(),
          .train_loss = number_of(j.at("train_loss")),
          .test_loss = number_of(j.at("test_loss")),
          .test_accuracy = number_of(j.at("test_accuracy")),
          .test_recall = number_of(j.at("test_recall")),
          .rarest = j.at("rarest").get<int64>(),
          .seconds = j.at("seconds").get<double>()};
}

std::string active_csv_header() {
  std::string line;
  const nlohmann::ordered_json columns = active_row_json({});
  for (const auto& [name, value] : columns.items()) line += (line.empty() ? "" : ",") + name;
  return line + "\n";
}

std::string active_csv(const ActiveRow& row) {
  std::string line;
  const nlohmann::ordered_json values = active_row_json(row);
  for (const auto& [name, value] : values.items())
    line += (name == "round" ? "" : ",") + (value.is_null() ? std::string() : value.dump());
  return line;
}

std::optional<PoolOutputs> pool_outputs(Model& model, const DatasetPtr& pool,
                                        const std::function<bool()>& stop) {
  std::vector<Tensor> preds, embeddings;
  Tensor read;  // by the last layer that was called and has parameters of its own
  const CallTrace trace([&](Module& module, const Input& input, const Tensor&) {
    if (!module.slots().empty() && !input.is_tokens()) read = input.values();
  });
  const auto each = [&](const Batch& batch, const Tensor& output) {
    preds.push_back(softmax(output));
    embeddings.push_back(read.detach().view({batch.size(), read.numel() / batch.size()}).clone());
  };
  if (!evaluate(model, pool, {.stop = stop, .each = each})) return std::nullopt;
  const Recording off(false);
  return PoolOutputs{concat(preds, 0), concat(embeddings, 0)};
}

ActiveRun::ActiveRun(const ActiveConfig& config) : ActiveRun((check(config), config), open_pool(config)) {}

ActiveRun::ActiveRun(const ActiveConfig& config, Data data)
    : config_(config), data_(std::move(data)), rng_(static_cast<std::uint64_t>(config.seed)) {
  check(config);
  if (!data_.train) fail<UsageError>("data set {}: there is no training part to label", data_.info().name);
  if (data_.info().kind == DataKind::kText || data_.info().classes < 2)
    fail<UsageError>("data set {}: active learning asks for labels of classes; these data have none",
                     data_.info().name);
  data_.train = first_examples(data_.train, config.pool);
  if (config.budget > data_.train->size())
    fail<UsageError>("--budget {}: the pool has {} examples", config.budget, data_.train->size());
  model_ = make_model(config.model, data_shape(data_.info()), rng_);
  if (model_->task() != Task::kClassification)
    fail<UsageError>("--model {}: it is for {}; active learning trains classifiers", config.model,
                     task_name(model_->task()));
  strategy_ = make_strategy(config.strategy, rng_.fork("strategy").bits64());
}

std::vector<LabelQuery> ActiveRun::choose(int64 round, const PoolView* view) {
  const int64 count = config_.labels_of(round);
  const Rng own = rng_.fork("choice").fork(static_cast<std::uint64_t>(round));
  if (view) return strategy_->choose(*view, count, {round, config_.rounds}, own);
  std::vector<LabelQuery> first;
  Rng draw = own;
  const std::vector<int64> order = draw.permutation(data_.train->size());
  for (int64 i = 0; i < count; ++i) first.push_back({order[static_cast<size_t>(i)], ""});
  return first;
}

bool ActiveRun::advance(const std::function<bool()>& stop) {
  const auto start = std::chrono::steady_clock::now();
  const int64 round = std::ssize(rows_);
  std::optional<PoolView> view;
  if (round > 0) {
    const std::optional<PoolOutputs> outputs = pool_outputs(*model_, data_.train, stop);
    if (!outputs) return false;
    const auto n = static_cast<size_t>(data_.train->size());
    view.emplace(PoolView{outputs->preds, outputs->embeddings, std::vector<char>(n, 0),
                          std::vector<int64>(n, -1),
                          [this](int64 item) { return data_.train->label(item); }});
    for (const LabelledExample& e : labelled_) {
      view->labelled[static_cast<size_t>(e.index)] = 1;
      view->labels[static_cast<size_t>(e.index)] = e.label;
    }
  }
  const std::vector<LabelQuery> chosen = choose(round, view ? &*view : nullptr);
  std::vector<LabelledExample> labelled = labelled_;
  std::vector<int64> answers, rows;
  for (const LabelQuery& q : chosen) {
    answers.push_back(data_.train->label(q.item));
    labelled.push_back({round + 1, q.item, answers.back(), q.arm});
  }
  for (const LabelledExample& e : labelled) rows.push_back(e.index);

  const int64 size = std::ssize(rows), batch = std::min(config_.batch_size, size),
              per_epoch = (size + batch - 1) / batch;
  TrainConfig training{
      .data = config_.data, .model = config_.model, .optim = config_.optim, .schedule = config_.schedule};
  training.steps = std::max(config_.least_steps, config_.epochs * per_epoch);
  training.batch_size.text = fmt::format("{}", batch);
  training.seed = static_cast<int64>(rng_.fork("training").fork(static_cast<std::uint64_t>(round)).bits32());
  training.drop_last = size > batch;  // (batch norm cannot train on a single example that is left over)
  training.augment = config_.augment;
  training.validation = 0;
  training.eval_every = int64{1} << 40;  // at the end
  Trainer trainer(training, {subset(data_.train, std::move(rows)), data_.test});
  if (!trainer.train(
          RunDirectory::none(), true, stop ? stop : [] { return false; }))
    return false;

  if (view) strategy_->observe(*view, chosen, answers, {round, config_.rounds});
  labelled_ = std::move(labelled);
  load_state_dict(*model_, state_dict(trainer.model()), "the model of this round");
  const TrainState& state = trainer.state();
  std::vector<int64> counts(static_cast<size_t>(data_.info().classes), 0);
  for (const LabelledExample& e : labelled_) ++counts[static_cast<size_t>(e.label)];
  const double before = rows_.empty() ? 0 : rows_.back().seconds;
  rows_.push_back(
      {.round = round + 1,
       .labels = size,
       .train_loss = state.last_epoch.loss(),
       .test_loss = state.last_test.loss(),
       .test_accuracy = state.last_test.accuracy(),
       .test_recall = trainer.scores().predictions()->mean().recall,
       .rarest = *std::min_element(counts.begin(), counts.end()),
       .seconds = before + std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
  return true;
}

void ActiveRun::save(const RunDirectory& run) {
  nlohmann::json rows = nlohmann::json::array(), labelled = nlohmann::json::array();
  for (const ActiveRow& row : rows_) rows.push_back(nlohmann::json(active_row_json(row)));
  for (const LabelledExample& e : labelled_) labelled.push_back({e.round, e.index, e.arm});
  write_checkpoint(
      run.checkpoint(), *model_,
      {.optim = strategy_->spec(),
       .saved = {},
       .state = {{"rows", rows}, {"labelled", labelled}, {"strategy", strategy_->save_state()}}});
}

void ActiveRun::restore(const RunDirectory& run) {
  if (run.is_none() || !std::filesystem::exists(run.checkpoint())) return;
  read_checkpoint(run.checkpoint(), *model_, strategy_->spec(), [&](const CheckpointParts& parts) {
    std::vector<ActiveRow> rows;
    std::vector<LabelledExample> labelled;
    for (const auto& row : parts.state.at("rows")) rows.push_back(active_row_from(row));
    for (const auto& e : parts.state.at("labelled")) {
      const auto index = e.at(1).get<int64>();
      if (index < 0 || index >= data_.train->size())
        fail<DataError>("{}: example {} is none of the pool's {}", run.checkpoint(), index,
                        data_.train->size());
      labelled.push_back(
          {e.at(0).get<int64>(), index, data_.train->label(index), e.at(2).get<std::string>()});
    }
    strategy_->load_state(parts.state.at("strategy"));
    rows_ = std::move(rows), labelled_ = std::move(labelled);
  });
}

std::vector<std::vector<int64>> ActiveRun::by_round() const {
  std::vector<std::vector<int64>> rows(rows_.size());
  for (const LabelledExample& e : labelled_) rows[static_cast<size_t>(e.round - 1)].push_back(e.index);
  return rows;
}

void ActiveRun::write_pages(const RunDirectory& run) const {
  std::string csv = "round,index,label,arm\n";
  for (const LabelledExample& e : labelled_)
    csv += fmt::format("{},{},{},{}\n", e.round, e.index, e.label, e.arm);
  write_file(run.file("labelled.csv"), csv);
  Series accuracy{.name = strategy_->spec(), .marked = true};
  for (const ActiveRow& row : rows_) {
    accuracy.x.push_back(static_cast<double>(row.labels));
    accuracy.y.push_back(row.test_accuracy);
  }
  write_file(run.file("curve.svg"), svg(LinePlot{.title = fmt::format("{}, {}", config_.data, config_.model),
                                                 .x = {.label = "labels", .whole = true},
                                                 .y = {.label = "test accuracy"},
                                                 .series = {accuracy}}));
  if (data_.info().kind == DataKind::kImages)
    write_png(run.file("chosen.png"), contact_sheet(*data_.train, by_round()));
}

bool ActiveRun::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  restore(run);
  if (!run.is_none()) run.truncate_metrics(active_csv_header(), "round", std::ssize(rows_));
  Progress progress(quiet);
  const int64 first = std::ssize(rows_);
  const double before = rows_.empty() ? 0 : rows_.back().seconds;
  if (first) progress.message(fmt::format("resumed at round {} of {}", first, config_.rounds));
  while (!done()) {
    const bool advanced = advance(stop);
    if (advanced) {
      const ActiveRow& row = rows_.back();
      run.append(active_csv(row), active_row_json(row));
      const auto made = static_cast<double>(row.round - first);
      const std::string where = fmt::format("round {}/{}", row.round, config_.rounds);
      const std::string text = fmt::format(
          "labels {}  test loss {}  acc {}  ETA {}", row.labels, brief(row.test_loss),
          percent(row.test_accuracy),
          clock_text((row.seconds - before) / made * static_cast<double>(config_.rounds - row.round)));
      progress.show(where + " ", " " + text,
                    static_cast<double>(row.round) / static_cast<double>(config_.rounds),
                    where + "  " + text);
    }
    if (!rows_.empty()) save(run);
    if (!done() && (!advanced || stop())) return false;
  }
  write_pages(run);
  save_weights(run.file("model.safetensors"), *model_, data_.info());
  if (!config_.save.empty()) save_weights(config_.save, *model_, data_.info());
  return true;
}

nlohmann::ordered_json ActiveRun::result(const std::string& out) const {
  nlohmann::ordered_json json;
  json["data"] = config_.data;
  json["model"] = model_->spec();
  json["strategy"] = strategy_->spec();
  json["optim"] = config_.optim;
  json["seed"] = config_.seed;
  json["threads"] = threads();
  json["pool"] = data_.train->size();
  json["budget"] = config_.budget;
  json["rounds"] = std::ssize(rows_);
  auto& curve = json["curve"] = nlohmann::ordered_json::array();
  for (const ActiveRow& row : rows_) curve.push_back(active_row_json(row));
  std::map<std::string, int64> arms;
  std::vector<int64> counts(static_cast<size_t>(data_.info().classes), 0);
  for (const LabelledExample& e : labelled_) {
    if (!e.arm.empty()) ++arms[e.arm];
    ++counts[static_cast<size_t>(e.label)];
  }
  json["labels_by_class"] = counts;
  if (!arms.empty()) json["labels_by_arm"] = arms;
  if (!rows_.empty()) {
    json["test_loss"] = number_or_null(rows_.back().test_loss);
    json["test_accuracy"] = number_or_null(rows_.back().test_accuracy);
    json["test_recall"] = number_or_null(rows_.back().test_recall);
    json["seconds"] = rows_.back().seconds;
  }
  json["out"] = out;
  return json;
}

}  // namespace gradus
