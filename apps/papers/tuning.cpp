#include "apps/papers/tuning.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/statistics.h"

namespace gradus {
namespace {

double metric_of(const Outcome& outcome, const std::string& metric, const Arm& arm) {
  std::vector<std::string> names;
  for (const auto& [name, value] : outcome.metrics) {
    if (name == metric) return value;
    names.push_back(name);
  }
  throw UsageError(fmt::format("arm {}: tuned for: ", arm.name()) + unknown_name("metric", metric, names));
}

// The metric that is tuned for where the experiment does not say.
std::string score_name(const std::vector<Outcome>& outcomes) {
  for (const Outcome& o : outcomes)
    if (o.metrics.contains("test_accuracy")) return "test_accuracy";
  return "test_loss";
}

bool is_number(const std::string& text) {
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

}  // namespace

TuningResult choose(const Arm& arm, const std::vector<OptionList>& trials,
                    const std::vector<Outcome>& outcomes, const std::string& given) {
  const std::string metric = given.empty() ? score_name(outcomes) : given;
  TuningResult result;
  result.metric = metric.starts_with("test_") ? "validation_" + metric.substr(5) : metric;
  const size_t seeds = outcomes.size() / trials.size();
  const double sign = less_is_better(metric) ? -1 : 1;
  size_t best = 0;
  for (size_t t = 0; t < trials.size(); ++t) {
    TrialRecord trial;
    for (const auto& [key, value] : trials[t]) trial.options[key] = value;
    std::vector<double> scores;
    for (size_t k = 0; k < seeds; ++k) {
      const Outcome& o = outcomes[t * seeds + k];
      trial.diverged |= o.diverged;
      if (!o.diverged) scores.push_back(metric_of(o, metric, arm));
    }
    trial.score = trial.diverged ? std::nan("") : mean_of(scores);
    result.trials.push_back(trial);
    const TrialRecord& leader = result.trials[best];
    if (!trial.diverged && (leader.diverged || sign * trial.score > sign * leader.score)) best = t;
  }
  result.chosen = trials[best];
  if (result.trials[best].diverged)
    result.warnings.push_back("every trial diverged; the first one was taken");
  for (const Arm::Dimension& d : arm.grid()) {
    const std::string& value = result.trials[best].options[d.key];
    const bool numbers = std::all_of(d.values.begin(), d.values.end(), is_number);
    if (numbers && trials.size() > 1 && d.values.size() > 1 &&
        (value == d.values.front() || value == d.values.back()))
      result.warnings.push_back(fmt::format("{} = {} is the end of its grid", d.key, value));
  }
  return result;
}

nlohmann::ordered_json config_of(const RunSpec& run) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (run.function) {
    for (const auto& [key, value] : run.options) json[key] = value;
    return json;
  }
  const nlohmann::ordered_json all = config_json(run.config), defaults = config_json({});
  for (const auto& [key, value] : all.items())
    if (key != "seed" && key != "data_dir" &&
        (key == "data" || key == "model" || key == "optim" || value != defaults[key]))
      json[key] = value;
  return json;
}

}  // namespace gradus
