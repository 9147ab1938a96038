// What a run comes to: evaluations, the best of them, the result.
#include <cmath>

#include "apps/train/evaluate.h"
#include "apps/train/field_image.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/threads.h"
#include "nn/state_dict.h"

namespace gradus {

bool Trainer::evaluate_now(const RunDirectory& run, Progress& progress, const std::function<bool()>& stop) {
  progress.evaluating();
  const auto weights = evaluation_weights(true, stop);
  if (!weights->complete()) return false;
  std::optional<Scores> held;
  if (validation_ && !(held = scores_on(*model_, validation_, {.stop = stop, .ranks = &ranks_})))
    return false;
  const std::optional<Scores> test = scores_on(*model_, data_.test, {.stop = stop, .ranks = &ranks_});
  if (!test) return false;
  const Scores& deciding = held ? *held : *test;
  const Score& score = test->sums();
  const MetricsRow row{.step = state_.step,
                       .epoch = epoch(),
                       .lr = lr(),
                       .train_loss = state_.since_row.loss(),
                       .train_accuracy = state_.since_row.accuracy(),
                       .test_loss = score.loss(),
                       .test_accuracy = score.accuracy(),
                       .validation_loss = held ? held->sums().loss() : std::nan(""),
                       .validation_accuracy = held ? held->sums().accuracy() : std::nan(""),
                       .score = metric_->value(deciding),
                       .seconds = state_.seconds};
  run.append(row);
  if (config_.tensorboard && !board_ && !run.is_none()) board_ = std::make_unique<Board>(run);
  if (board_) board_->append(row);
  if (observer_) observer_(row);
  progress.row(row);
  if (const auto* field = dynamic_cast<const FieldSet*>(data_.test.get()); field && !run.is_none())
    write_png(run.file("reconstruction.png"), reconstruction(*model_, *field));
  state_.last_test = score;
  state_.last_validation = held ? held->sums() : Score{};
  state_.since_row = {};
  if (state_.position.batch == 0 || at_end())
    state_.last_epoch = state_.since_epoch, state_.kept_last_epoch = state_.kept_since_epoch;
  if (state_.position.batch == 0) state_.since_epoch = {}, state_.kept_since_epoch = 0;
  state_.evaluation_due = false;
  schedule_->observe(schedule_->watches_score() ? deciding.sums().accuracy() : deciding.sums().loss());
  note_score(run, metric_->larger ? row.score : -row.score, *test, held);
  last_scores_ = test;
  return true;
}

void Trainer::note_score(const RunDirectory& run, double score, const Scores& test,
                         const std::optional<Scores>& held) {
  const auto measures = [](const Scores& s) {
    std::map<std::string, double> values;
    for (const Metric& m : metrics())
      if (m.applies(s)) values[m.name] = m.value(s);
    return values;
  };
  if (!std::isnan(score) && (!state_.best || score > *state_.best)) {
    state_.best = score;
    state_.best_step = state_.step;
    state_.best_test = measures(test);
    state_.best_validation = held ? measures(*held) : std::map<std::string, double>{};
    state_.evaluations_since_best = 0;
    if (!run.is_none()) save_weights(run.file("best.safetensors"), *model_, info());
  } else {
    ++state_.evaluations_since_best;
  }
  if (config_.early_stop && state_.evaluations_since_best >= *config_.early_stop) state_.stopped = true;
}

const Scores& Trainer::scores() {
  if (!last_scores_) {  // the run had ended before this process
    const auto weights = evaluation_weights();
    last_scores_ = scores_on(*model_, data_.test, {.ranks = &ranks_});
  }
  return *last_scores_;
}

nlohmann::ordered_json Trainer::result(const std::string& out) {
  nlohmann::ordered_json json;
  json["data"] = config_.data;
  json["model"] = model_->spec();
  if (config_.param != "standard") json["param"] = config_.param;
  if (class_loss_.own) json["loss"] = config_.loss;
  json["optim"] = optimizer_->spec();
  json["schedule"] = schedule_->spec();
  json["gradient"] = gradient_ ? gradient_->spec() : "backprop";
  if (selector_) {
    json["select"] = selector_->spec();
    json["kept"] = state_.last_epoch.count ? static_cast<double>(state_.kept_last_epoch) /
                                                 static_cast<double>(state_.last_epoch.count)
                                           : std::nan("");
  }
  json["seed"] = config_.seed;
  if (adaptive_) {
    json["batch_size"] = config_.batch_size.text;
    json["last_batch_size"] = batch_size();
    json["mean_batch_size"] =
        static_cast<double>(state_.examples) / static_cast<double>(std::max<int64>(state_.step, 1));
  } else {
    json["batch_size"] = static_cast<int64>(config_.batch_size);
  }
  json["threads"] = threads();
  json["ranks"] = ranks_.size();
  int64 count = 0;
  for (const auto& p : parameters_) count += p->value.numel();
  json["parameters"] = count;
  json["epochs"] = epoch();
  json["steps"] = state_.step;
  json["train_loss"] = state_.last_epoch.loss();
  json["train_accuracy"] = state_.last_epoch.accuracy();
  json["test_loss"] = state_.last_test.loss();
  json["test_accuracy"] = state_.last_test.accuracy();
  json.update(scores().json("test"));
  if (validation_) {
    json["validation_loss"] = state_.last_validation.loss();
    json["validation_accuracy"] = state_.last_validation.accuracy();
  }
  if (model_->task() == Task::kLanguageModel) {
    json["perplexity"] = std::exp(state_.last_test.loss());
    json["bits_per_token"] = state_.last_test.loss() / std::log(2.0);
  }
  json["best_step"] = state_.best_step;
  nlohmann::ordered_json best = {
      {"step", state_.best_step}, {"metric", metric_->name}, {"on", validation_ ? "validation" : "test"}};
  for (const auto& [set, values] :
       {std::pair{"validation_", &state_.best_validation}, std::pair{"test_", &state_.best_test}})
    for (const Metric& m : metrics())
      if (const auto found = values->find(m.name); found != values->end())
        best[std::string(set) + m.name] = found->second;
  json["best"] = best;
  nlohmann::ordered_json layers;
  for (const LayerMemory& m : layer_memory(*model_, config_.batch_size))
    layers.push_back({{"layer", m.name}, {"output_bytes", m.bytes}});
  json["memory"] = {{"step_peak_bytes", step_peak_bytes_}, {"layers", layers}};
  json["train_seconds"] = state_.seconds;
  json["samples_per_s"] =
      state_.seconds > 0 ? static_cast<double>(state_.examples) / state_.seconds : std::nan("");
  json["stopped_early"] = state_.stopped;
  json["out"] = out;
  scores().add_classes(json);
  return json;
}

}  // namespace gradus
