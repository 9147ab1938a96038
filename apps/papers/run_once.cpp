#include "apps/papers/run_once.h"

#include <time.h>

#include <cmath>

#include "apps/papers/quick.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/validation.h"

namespace gradus {
namespace {

constexpr int64 kSeedStride = 10007;  // between the seeds of one trial; those of trials count by one

void add_point(Outcome& outcome, const char* name, const char* label, double x, double y) {
  if (!std::isfinite(y)) return;
  Curve& curve = outcome.curves[name];
  curve.x_label = label;
  curve.x.push_back(x);
  curve.y.push_back(y);
}

void add_metric(Outcome& outcome, const char* name, double value) {
  if (!std::isnan(value)) outcome.metrics[name] = value;
}

// The mean loss of every `every` steps, as a curve.
void observe_losses(Trainer& trainer, int64 every, Outcome& outcome) {
  trainer.observe_steps([every, sum = 0.0, &outcome](int64 step, double loss) mutable {
    sum += loss;
    if (step % every != 0) return;
    add_point(outcome, "train_loss", "step", static_cast<double>(step), sum / static_cast<double>(every));
    sum = 0;
  });
}

Outcome training_run(const TrainConfig& config, bool tuning, DataShelf& shelf, const RunMonitor& monitor,
                     const Trial::Inspect& inspect = nullptr, int64 loss_every = 0) {
  Outcome outcome;
  Trainer trainer(config, shelf.data(config, tuning));
  const bool by_epoch = !config.steps;
  trainer.observe_rows([&](const MetricsRow& row) {
    const double x = by_epoch ? row.epoch : static_cast<double>(row.step);
    const char* label = by_epoch ? "epoch" : "step";
    if (!loss_every) add_point(outcome, "train_loss", label, x, row.train_loss);
    add_point(outcome, "train_accuracy", label, x, row.train_accuracy);
    add_point(outcome, "test_loss", label, x, row.test_loss);
    add_point(outcome, "test_accuracy", label, x, row.test_accuracy);
  });
  if (loss_every) observe_losses(trainer, loss_every, outcome);
  trainer.observe_grad_norms([&](int64 step, const GradNorms& norms) {
    add_point(outcome, "grad_norm_l1", "step", static_cast<double>(step), norms.l1);
    add_point(outcome, "grad_norm_l2", "step", static_cast<double>(step), norms.l2);
  });
  const auto stop = [&] {
    return monitor(static_cast<double>(trainer.done()) /
                   static_cast<double>(std::max<int64>(trainer.length(), 1)));
  };
  if (!trainer.train(RunDirectory::none(), true, stop)) throw Interrupted();
  const TrainState& state = trainer.state();
  add_metric(outcome, "train_loss", state.last_epoch.loss());
  add_metric(outcome, "train_accuracy", state.last_epoch.accuracy());
  add_metric(outcome, "test_loss", state.last_test.loss());
  add_metric(outcome, "test_accuracy", state.last_test.accuracy());
  if (trainer.model().task() == Task::kLanguageModel)
    add_metric(outcome, "perplexity", std::exp(state.last_test.loss()));
  outcome.metrics["optimizer_bytes"] = static_cast<double>(trainer.optimizer().state_bytes());
  if (inspect) inspect(trainer, outcome);
  return outcome;
}

Outcome diverged(const NumericError& e) {
  Outcome outcome;
  outcome.diverged = true;
  outcome.note = e.what();
  return outcome;
}

class FunctionTrial : public Trial {
 public:
  FunctionTrial(const RunSpec& spec, DataShelf& shelf, const PlanOptions& plan, const RunMonitor& monitor)
      : shelf_(shelf), plan_(plan), monitor_(monitor), arm_(spec.arm) {
    seed = spec.seed;
    tuning = spec.tuning();
    quick = spec.quick;
    options = spec.options;
    folder = plan.folder + "/shared";
  }
  Data data(const std::string& spec) const override {
    TrainConfig config;
    config.data = quick ? quick_data(spec, plan_.folder) : spec;
    config.data_dir = plan_.data_dir;
    return shelf_.data(config, tuning);
  }
  Outcome train(TrainConfig config, const Inspect& inspect, int64 loss_every) const override {
    config.seed = seed + config.seed * kSeedStride;
    config.data_dir = plan_.data_dir;
    config.threads = plan_.threads;
    if (quick) config = quick_config(config, {}, plan_.folder);
    check(config);
    refuse_looking(arm_, config);
    try {
      return training_run(config, tuning, shelf_, monitor_, inspect, loss_every);
    } catch (const NumericError& e) {
      return diverged(e);
    }
  }
  void checkpoint(double share_done) const override {
    if (monitor_(share_done)) throw Interrupted();
  }

 private:
  DataShelf& shelf_;
  const PlanOptions& plan_;
  const RunMonitor& monitor_;
  std::string arm_;
};

// Numbers that are none make the run a diverged one, so that whatever reads outcomes meets finite numbers alone.
void refuse_infinite(Outcome& outcome) {
  for (const auto& [name, value] : outcome.metrics)
    if (!std::isfinite(value) && !outcome.diverged) {
      outcome.diverged = true;
      outcome.note = fmt::format("{} is {}", name, value);
    }
  std::erase_if(outcome.metrics, [](const auto& m) { return !std::isfinite(m.second); });
  for (auto& [name, curve] : outcome.curves) {
    Curve finite{curve.x_label, {}, {}};
    for (size_t i = 0; i < curve.x.size() && i < curve.y.size(); ++i)
      if (std::isfinite(curve.x[i]) && std::isfinite(curve.y[i])) {
        finite.x.push_back(curve.x[i]);
        finite.y.push_back(curve.y[i]);
      }
    curve = std::move(finite);
  }
}

}  // namespace

DataShelf::DataShelf(Open open) : open_(std::move(open)) {
  if (!open_)
    open_ = [](const TrainConfig& config) {
      std::vector<std::string> notes;  // of decisions about the data, which papers' files have made
      return open_training_data(config, notes);
    };
}

Data DataShelf::data(const TrainConfig& config, bool tuning) {
  // The window of a text comes from the model.
  const std::string key = fmt::format("{} {} {} {} {}", config.data, config.data_dir,
                                      config.limit.value_or(0), block_of(config.model), tuning);
  if (key != key_) {
    key_.clear();
    data_ = {};  // before the next one takes memory
    data_ = open_(config);
    if (tuning) data_ = validation_split(data_);
    key_ = key;
  }
  return data_;
}

// Of this process, all threads together: what a run costs, whatever else the machine does meanwhile.
static double processor_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Outcome run_once(const RunSpec& spec, const Arm& arm, DataShelf& shelf, const PlanOptions& options,
                 const RunMonitor& monitor) {
  set_threads(spec.threads);
  const double start = processor_seconds();
  Outcome outcome;
  try {
    outcome = spec.function ? arm.function()(FunctionTrial(spec, shelf, options, monitor))
                            : training_run(spec.config, spec.tuning(), shelf, monitor);
  } catch (const NumericError& e) {
    outcome = diverged(e);
  }
  refuse_infinite(outcome);
  outcome.seconds = (processor_seconds() - start) / threads();
  return outcome;
}

}  // namespace gradus
