// Learning-rate schedules: factors on the step size, pure functions of the step (plateau also of a metric).
//
//   auto schedule = make_schedule("cosine:warmup=100,min=0.01", {.total_steps = 1000});
//   for (int64 step = 0; step < 1000; ++step) optimizer->step(objective, schedule->scale(step));
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"

namespace gradus {

/// How long training lasts; 0 where unknown. Schedules that need what is unknown refuse (UsageError).
struct Horizon {
  int64 total_steps = 0;
  int64 steps_per_epoch = 0;
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// The factor >= 0 for the step with this index (0, 1, ...). Beyond the horizon it stays at its last value.
  virtual double scale(int64 step) const = 0;
  /// Plateau: a new value of the watched metric, once an evaluation. Others take no notice.
  virtual void observe(double /*metric*/) {}
  /// What observe() is to be given: a score, of which more is better (accuracy; plateau:mode=max), or else a loss.
  virtual bool watches_score() const { return false; }
  /// The spec with every option.
  virtual std::string spec() const = 0;
  /// What observe() has left, for checkpoints; empty for pure schedules.
  virtual std::map<std::string, double> save_state() const { return {}; }
  virtual void load_state(const std::map<std::string, double>&) {}
};

struct ScheduleEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
  std::function<std::unique_ptr<Schedule>(const OptionList&, const Horizon&)> make;
  std::vector<std::string> paths = {};  ///< those of its options that name files
};

/// constant, step, multistep, exponential, cosine, linear, polynomial, inverse-sqrt, one-cycle, triangular, wsd, plateau,
/// refined.
/// All but refined take `warmup` (steps) and `warmup_from`: the factor climbs linearly from warmup_from and reaches 1
/// after `warmup` steps; the schedule proper then runs over the steps that remain (step and multistep count
/// from the very first step).
const std::vector<ScheduleEntry>& schedules();

/// Throws UsageError listing the valid names and the nearest.
const ScheduleEntry& find_schedule(std::string_view name);

/// "cosine:warmup=100,min=0.01". Throws UsageError for unknown names and options and for a missing horizon.
std::unique_ptr<Schedule> make_schedule(std::string_view spec, const Horizon& horizon);

}  // namespace gradus
