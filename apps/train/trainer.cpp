#include "apps/train/trainer.h"

#include <chrono>
#include <cmath>

#include "apps/train/evaluate.h"
#include "apps/train/shared_file.h"
#include "core/allocator.h"
#include "core/error.h"
#include "nn/adapters/adapter_file.h"
#include "nn/fields/loss_watcher.h"
#include "nn/modes.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

double Trainer::lr(double scale) const {
  for (const auto& p : parameters_)
    if (!p->frozen) return optimizer_->option(*p, "lr").value_or(1) * scale;
  return scale;
}

void Trainer::restore(const RunDirectory& run) {
  state_ = TrainState{};
  state_.dropout = model_->run().rng.state();
  state_.schedule = schedule_start_;
  for (size_t i = 0; i < parts_.size(); ++i) parts_[i].load(parts_start_[i]);
  if (ranks_.any(run.has_checkpoint())) {
    const SharedFile file(ranks_, run.is_none() ? "" : run.checkpoint());
    state_ = load_checkpoint(file.path(), *model_, *optimizer_, parts_);
  }
  if (state_.stopped && length_ > state_.total_steps)
    state_.stopped = false, state_.evaluations_since_best = 0;
  state_.stopped =
      state_.stopped && config_.early_stop && state_.evaluations_since_best >= *config_.early_stop;
  schedule_->load_state(state_.schedule);
  loader_->seek(state_.position);
}

std::unique_ptr<EvaluationWeights> Trainer::evaluation_weights(bool means,
                                                               const std::function<bool()>& stop) {
  EvaluationWeights::Options options{.means = means, .stop = stop};
  if (state_.step > 0 && at_end()) options.finish = state_.last_scale;
  return std::make_unique<EvaluationWeights>(*optimizer_, *model_, data_.train, options);
}

std::string Trainer::resumed_at() const {
  const std::string of_steps =
      adaptive_ ? fmt::format(" (example {} of {})", done(), length_) : fmt::format(" of {}", length_);
  if (state_.stopped)
    return fmt::format(
        "stopped early, at step {}{}: {} evaluations without a better score than at step {}; a larger "
        "--early-stop (or none), or more --epochs or --steps, goes on",
        state_.step, of_steps, state_.evaluations_since_best, state_.best_step);
  if (at_end() && !state_.evaluation_due)
    return fmt::format("the run has reached its end, step {}; more --epochs or --steps go on", state_.step);
  return fmt::format("resumed at step {}{}", state_.step, of_steps);
}

std::vector<Batch> Trainer::next_batches() {
  constexpr int64 kTogether = 512;  // examples of an adaptive batch that are in memory at once
  std::vector<Batch> batches;
  if (adaptive_) {
    Batch all;
    while (!loader_->next(all, batch_size())) {
    }
    for (int64 from = 0; from < all.size(); from += kTogether)
      batches.push_back(all.size() <= kTogether ? all
                                                : rows_of(all, from, std::min(all.size(), from + kTogether)));
    return batches;
  }
  while (static_cast<int64>(batches.size()) < config_.accumulate) {
    Batch batch;
    if (loader_->next(batch))
      batches.push_back(std::move(batch));
    else if (!batches.empty())
      break;
  }
  return batches;
}

void Trainer::begin() {
  restore(RunDirectory::none());
  if (config_.init.empty()) fit_to_data(*model_, data_.train);
}

BatchSources Trainer::sources() const {
  BatchSources sources;
  if (second_)
    sources.second = [this] {
      const int64 n = second_->batches_per_epoch();
      return second_->make({state_.step / n, state_.step % n});
    };
  if (all_)
    sources.all = [this](const std::function<void(const Batch&)>& use) {
      for (int64 i = 0; i < all_->batches_per_epoch(); ++i) use(all_->make({0, i}));
    };
  return sources;
}

double Trainer::step_at(double scale) {
  const auto start = Clock::now();
  for (const LateFreeze& late : late_) late.parameter->frozen = state_.position.epoch >= late.epochs;
  std::vector<Batch> batches = next_batches();
  auto* watcher = dynamic_cast<LossWatcher*>(model_.get());
  std::vector<Tensor> targets;
  if (watcher)
    for (const Batch& batch : batches) targets.push_back(batch.targets);
  const LossOptions options{
      .classes = class_loss_,
      .grad_norms = config_.log_grad_norms,
      .keep_graph = optimizer_->needs().hvp,
      .method = gradient_.get(),
      .draws = Rng(seed()).fork("directions").fork(static_cast<std::uint64_t>(state_.step)),
      .selector = selector_.get(),
      .epoch = state_.position.epoch,
      .training_examples = examples_};
  const std::size_t in_use = allocator_stats().bytes_in_use;
  reset_peak_memory();
  const StepResult made = step_on(std::move(batches), options, scale);
  const double loss = made.loss;
  step_peak_bytes_ = allocator_stats().peak_bytes_in_use - in_use;
  if (!std::isfinite(loss)) fail<NumericError>("the loss is {}", loss);
  if (watcher) watcher->watch(targets);
  state_.last_loss = loss;
  state_.last_scale = scale;
  grad_norms_ = made.norms;
  state_.since_row += made.score;
  state_.since_epoch += made.score;
  ++state_.step;
  state_.position = loader_->position();
  for (const auto& p : parameters_) p->grad = Tensor();
  state_.examples += made.examples;
  state_.seconds += seconds_since(start);
  return loss;
}

Trainer::StepResult Trainer::step_on(std::vector<Batch> batches, const LossOptions& options, double scale) {
  const auto result = [](double loss, const auto& objective) {
    return StepResult{loss, objective.score(), objective.grad_norms(), objective.examples()};
  };
  if (division_) {
    DividedObjective objective(*model_, parameters_, std::move(batches), options, *division_);
    const double loss = optimizer_->step(objective, scale);
    return result(loss, objective);
  }
  ModelObjective objective(*model_, parameters_, std::move(batches), options, sources());
  const double loss = adaptive_   ? tested_step(objective, scale)
                      : selector_ ? selected_step(objective, scale)
                                  : optimizer_->step(objective, scale);
  return result(loss, objective);
}

double Trainer::selected_step(ModelObjective& objective, double scale) {
  const Selected chosen = objective.select();
  last_rows_ = objective.examples(), last_kept_ = chosen.count(), last_threshold_ = chosen.threshold;
  state_.kept_since_epoch += last_kept_;
  return last_kept_ ? optimizer_->step(objective, scale) : objective.score().loss();
}

double Trainer::tested_step(ModelObjective& objective, double scale) {
  const int64 size = batch_size();
  wanted_.clear();
  if (size >= adaptive_->most || state_.step % adaptive_->interval || objective.examples() < 2)
    return optimizer_->step(objective, scale);
  // The gradient is the optimizer's own, if that is all it asks for.
  const double loss = objective.gradient();
  check_gradients(parameters_, optimizer_->name());
  std::optional<double> wanted;
  try {
    wanted = wanted_batch_size(objective.spread(adaptive_->test != "norm"), *adaptive_);
  } catch (const GraphError& e) {
    fail<UsageError>("--batch-size adaptive: the gradients of single examples are not to be had of {}: {}",
                     model_->spec(), e.what());
  }
  state_.batch_size = grown_batch_size(size, wanted, adaptive_->most);
  wanted_ = wanted ? fmt::format("{:.6g}", *wanted) : "inf";
  if (optimizer_->needs().beyond({.loss = true})) return optimizer_->step(objective, scale);
  optimizer_->step(scale, loss);
  return loss;
}

void Trainer::save(const RunDirectory& run) {
  if (run.is_none()) return;
  state_.dropout = model_->run().rng.state();
  state_.schedule = schedule_->save_state();
  state_.total_steps = length_;
  save_checkpoint(run.checkpoint(), *model_, *optimizer_, state_, parts_);
}

bool Trainer::train(const RunDirectory& run, bool quiet, const std::function<bool()>& asked_to_stop) {
  const InterruptScope signals;
  // All ranks stop at the same place.
  const auto stop = [&] { return ranks_.any(asked_to_stop()); };
  restore(run);
  run.truncate_metrics(state_.step);
  if (!ranks_.any(run.has_checkpoint()) && config_.init.empty()) fit_to_data(*model_, data_.train);
  agree_on_start();
  board_.reset();
  if (state_.step == 0 && length_ == 0) state_.evaluation_due = true;
  const int64 first = done(), examples = state_.examples;
  const double seconds = state_.seconds;
  Progress progress(
      quiet, length_,
      static_cast<double>(length_) / static_cast<double>(adaptive_ ? examples_ : steps_per_epoch_), first,
      adaptive_ ? "example" : "step");
  if (first) progress.message(resumed_at());
  while (state_.evaluation_due || (!at_end() && !state_.stopped)) {
    bool save_now = state_.evaluation_due;
    try {
      if (!state_.evaluation_due) {
        const int64 seen = done(), size = adaptive_ ? batch_size() : 0;
        const double loss = step_at(schedule_->scale(schedule_step()));
        if (step_observer_) step_observer_(state_.step, loss);
        if (selector_) run.append_selection(state_.step, last_rows_, last_kept_, last_threshold_);
        if (adaptive_) run.append_batch_size(state_.step, seen, size, wanted_);
        if (config_.log_grad_norms) {
          run.append_grad_norms(state_.step, grad_norms_.l1, grad_norms_.l2);
          if (norms_observer_) norms_observer_(state_.step, grad_norms_);
        }
        const bool end = at_end();
        const bool epoch_end = state_.position.batch == 0;
        state_.evaluation_due =
            end || (config_.eval_every ? state_.step % *config_.eval_every == 0 : epoch_end);
        save_now = end || (config_.save_every ? state_.step % *config_.save_every == 0 : epoch_end);
        progress.step({done(), epoch(), state_.since_epoch.loss(), state_.since_epoch.accuracy(), lr(),
                       state_.examples - examples, state_.seconds - seconds});
      }
      if (state_.evaluation_due && !stop()) evaluate_now(run, progress, stop);
      // An epoch that ends between two evaluations still ends.
      if (!state_.evaluation_due && state_.position.batch == 0 && state_.since_epoch.count) {
        state_.last_epoch = state_.since_epoch;
        state_.since_epoch = {};
        state_.kept_last_epoch = std::exchange(state_.kept_since_epoch, 0);
      }
      const bool stopping = stop();
      if (save_now || stopping || state_.stopped) save(run);
      if (stopping && (state_.evaluation_due || (!at_end() && !state_.stopped))) return false;
    } catch (const NumericError& e) {
      diverged(run, e.what());
    } catch (const GraphError& e) {
      if (state_.step > 0) throw;
      fail<UsageError>("optimizer {} cannot train this model: {}", optimizer_->name(), e.what());
    }
  }
  const auto weights = evaluation_weights();
  if (!run.is_none()) save_weights(run.file("model.safetensors"), *model_, info());
  if (!run.is_none() && !config_.adapter.empty())
    save_adapter(run.file("adapter"), *model_, config_.adapter, config_.init);
  if (ranks_.first() && !config_.save.empty()) save_weights(config_.save, *model_, info());
  return true;
}

void Trainer::diverged(const RunDirectory& run, const std::string& what) const {
  const std::string last = state_.step ? fmt::format("the last good loss was {:.6g}", state_.last_loss)
                                       : std::string("no step before it was good");
  const std::string kept = run.has_checkpoint() ? run.checkpoint() + " still holds the last good state"
                                                : std::string("no checkpoint had been saved yet");
  fail<NumericError>(
      "training diverged at step {}: {}; {}, lr {:.6g}; {}. A smaller lr or --clip-norm 1 may help",
      state_.step + 1, what, last, lr(schedule_->scale(schedule_step())), kept);
}

}  // namespace gradus
