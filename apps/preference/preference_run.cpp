#include "apps/preference/preference_run.h"

#include <chrono>
#include <cmath>
#include <filesystem>

#include "apps/train/checkpoint.h"
#include "apps/train/progress.h"
#include "autograd/grad.h"
#include "core/error.h"
#include "core/threads.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using PairClock = std::chrono::steady_clock;

}  // namespace

std::string reference_file(const RunDirectory& run) { return run.file("reference.safetensors"); }

const std::string& preference_csv_header() {
  static const std::string header =
      "step,lr_scale,train_loss,validation_loss,validation_accuracy,validation_margin,seconds\n";
  return header;
}

nlohmann::ordered_json score_json(const std::string& set, const PreferenceScore& score) {
  const std::string of = set == "train" ? "train_preference" : set;
  return {{of + "_loss", score.loss}, {of + "_accuracy", score.accuracy}, {of + "_margin", score.margin}};
}

PreferenceRun::PreferenceRun(const PreferenceConfig& config, const std::string& start)
    : config_(config), task_(config, start) {
  if (config.epochs && config.steps) fail<UsageError>("--epochs or --steps, not both");
  const int64 epoch = task_.steps_per_epoch();
  length_ = config.steps ? *config.steps : config.epochs.value_or(1) * epoch;
  parameters_ = task_.model().trainable();
  optimizer_ = make_optimizer(config.clip_norm
                                  ? fmt::format("clip-norm({}):max_norm={}", config.optim, *config.clip_norm)
                                  : config.optim,
                              parameters_);
  if (optimizer_->needs().beyond({.loss = true}))
    fail<UsageError>("--optim {}: asks for more than gradients, which pairs do not give", config.optim);
  schedule_ = make_schedule(config.schedule, {.total_steps = length_, .steps_per_epoch = epoch});
}

void PreferenceRun::save(const RunDirectory& run) {
  write_checkpoint(run.checkpoint(), task_.model(),
                   {.optim = optimizer_->spec(),
                    .saved = optimizer_->save_state(),
                    .state = {{"step", step_},
                              {"seconds", seconds_},
                              {"loss_since_row", loss_since_row_},
                              {"steps_since_row", steps_since_row_},
                              {"loss", last_.loss},
                              {"accuracy", last_.accuracy},
                              {"margin", last_.margin},
                              {"pairs", last_.pairs},
                              {"rng",
                               {task_.model().run().rng.state().seed, task_.model().run().rng.state().stream,
                                task_.model().run().rng.state().counter}}}});
}

void PreferenceRun::restore(const RunDirectory& run) {
  const std::string reference = reference_file(run);
  if (!fs::exists(reference)) {
    save_weights(reference, task_.reference(), task_.info());
    return;
  }
  load_weights(reference, task_.reference());
  if (!fs::exists(run.checkpoint())) {
    load_state_dict(task_.model(), state_dict(task_.reference()));
    return;
  }
  read_checkpoint(run.checkpoint(), task_.model(), optimizer_->spec(), [&](const CheckpointParts& parts) {
    parts.state.at("step").get_to(step_);
    parts.state.at("seconds").get_to(seconds_);
    parts.state.at("loss_since_row").get_to(loss_since_row_);
    parts.state.at("steps_since_row").get_to(steps_since_row_);
    parts.state.at("loss").get_to(last_.loss);
    parts.state.at("accuracy").get_to(last_.accuracy);
    parts.state.at("margin").get_to(last_.margin);
    parts.state.at("pairs").get_to(last_.pairs);
    const auto rng = parts.state.at("rng").get<std::vector<std::uint64_t>>();
    task_.model().run().rng.set_state({rng.at(0), rng.at(1), rng.at(2)});
    optimizer_->load_state(parts.saved);
  });
}

double PreferenceRun::train_step(double scale) {
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters_) values.push_back(p->value);
  double loss = 0;
  {
    const Recording on(true);
    const Tensor recorded = task_.loss_of(task_.batch_rows(step_)).loss;
    loss = static_cast<double>(recorded.item());
    if (!std::isfinite(loss))
      fail<NumericError>("training diverged at step {}: the loss is {}; a smaller lr may help", step_ + 1,
                         loss);
    const std::vector<Tensor> grads = grad(recorded, values, {.allow_unused = true});
    for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i];
  }
  optimizer_->step(scale, loss);
  return loss;
}

void PreferenceRun::evaluate(const RunDirectory& run, double scale) {
  last_ = task_.score(task_.held_out().empty() ? task_.training() : task_.held_out());
  const double mean = loss_since_row_ / static_cast<double>(steps_since_row_);
  loss_since_row_ = 0;
  steps_since_row_ = 0;
  run.append(fmt::format("{},{},{},{},{},{},{:.3f}", step_, scale, mean, last_.loss, last_.accuracy,
                         last_.margin, seconds_),
             {{"step", step_},
              {"lr_scale", scale},
              {"train_loss", mean},
              {"validation_loss", last_.loss},
              {"validation_accuracy", last_.accuracy},
              {"validation_margin", last_.margin},
              {"seconds", seconds_}});
}

bool PreferenceRun::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  restore(run);
  if (step_ > length_)
    fail<UsageError>("--resume {}: the run is at step {}, beyond the {} asked for; it can only become longer",
                     run.path(), step_, length_);
  run.truncate_metrics(preference_csv_header(), "step", step_);
  Progress progress(quiet);
  if (step_) progress.message(fmt::format("resumed at step {} of {}", step_, length_));
  const int64 eval_every = config_.eval_every.value_or(task_.steps_per_epoch()),
              save_every = config_.save_every.value_or(task_.steps_per_epoch());
  task_.model().set_training(true);
  task_.reference().set_training(false);
  while (step_ < length_) {
    const auto start = PairClock::now();
    const double scale = schedule_->scale(step_), loss = train_step(scale);
    ++step_;
    seconds_ += std::chrono::duration<double>(PairClock::now() - start).count();
    loss_since_row_ += loss;
    ++steps_since_row_;
    const std::string where = fmt::format("step {}/{}", step_, length_),
                      what = fmt::format("loss {}", brief(loss));
    progress.show(where + " ", " " + what, static_cast<double>(step_) / static_cast<double>(length_),
                  where + "  " + what);
    const bool ended = step_ == length_;
    if (ended || step_ % eval_every == 0) evaluate(run, scale);
    const bool stopping = !ended && stop();
    if (ended || stopping || step_ % save_every == 0) save(run);
    if (stopping) return false;
  }
  save_weights(run.file("model.safetensors"), task_.model(), task_.info());
  if (!config_.save.empty()) save_weights(config_.save, task_.model(), task_.info());
  return true;
}

nlohmann::ordered_json PreferenceRun::result(const std::string& out) {
  int64 count = 0;
  for (const ParameterPtr& p : parameters_) count += p->value.numel();
  nlohmann::ordered_json json{{"data", config_.data},
                              {"loss", config_.loss},
                              {"model", task_.model().spec()},
                              {"optim", optimizer_->spec()},
                              {"seed", config_.seed},
                              {"threads", threads()},
                              {"parameters", count},
                              {"pairs", std::ssize(task_.training())},
                              {"held_out_pairs", std::ssize(task_.held_out())},
                              {"steps", step_}};
  json.update(score_json(task_.held_out().empty() ? "train" : "validation", last_));
  json["seconds"] = seconds_;
  json["out"] = out;
  return json;
}

}  // namespace gradus
