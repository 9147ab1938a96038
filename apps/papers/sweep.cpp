#include "apps/papers/sweep.h"

#include <algorithm>

#include "apps/papers/plan.h"
#include "core/error.h"
#include "core/statistics.h"

namespace gradus {
namespace {

constexpr double kUsable = 0.01;  // a point of accuracy

}  // namespace

double Sweep::best() const { return *std::max_element(scores.begin(), scores.end()); }
double Sweep::worst() const { return *std::min_element(scores.begin(), scores.end()); }
double Sweep::mean() const { return mean_of(scores); }

int64 Sweep::near_best(double margin) const {
  return std::count_if(scores.begin(), scores.end(), [&](double s) { return s > best() - margin; });
}

double Sweep::at(double value) const {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) fail<UsageError>("a sweep over {} has no value {}", key, value);
  return scores[static_cast<size_t>(found - values.begin())];
}

void Sweep::report(Outcome& outcome) const {
  outcome.metrics["accuracy_best"] = best();
  outcome.metrics["accuracy_worst"] = worst();
  outcome.metrics["accuracy_mean"] = mean();
  outcome.metrics["accuracy_spread"] = best() - worst();
  outcome.metrics["usable_count"] = static_cast<double>(near_best(kUsable));
  outcome.metrics["diverged_count"] = static_cast<double>(std::count(diverged.begin(), diverged.end(), true));
  outcome.curves["accuracy"] = {key, values, scores};
}

Sweep sweep(const Trial& trial, const TrainConfig& config, const std::string& key,
            const std::vector<double>& values) {
  Sweep result{key, values, {}, {}};
  for (const double value : values) {
    TrainConfig changed = config;
    set_tuned(changed, key, fmt::format("{}", value));
    const Outcome outcome = trial.train(changed);
    const auto score = outcome.metrics.find("test_accuracy");
    result.scores.push_back(score == outcome.metrics.end() ? 0 : score->second);
    result.diverged.push_back(outcome.diverged);
  }
  return result;
}

}  // namespace gradus
