// Policy gradient with a baseline on any environment.
//
// Papers: Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning", Machine Learning 8,
// 1992 (REINFORCE); Mnih et al., ICML 2016, arXiv 1602.01783 (many environments, a critic as baseline).
//   repeat: T steps of E episodes;  one optimizer step on the mean of -log pi(a)*(G - b) + value_coef/2*(G - V)^2 - entropy_coef*H
//   baseline b: the critic's V, the mean of G over the rollout, or none
#pragma once

#include <functional>
#include <string>

#include "apps/rl/agent.h"

namespace gradus {

struct PolicyGradientOptions {
  std::string environment = "cart-pole", optim = "adam:lr=3e-3", baseline = "value";
  int64 updates = 200, episodes = 16, steps = 20, hidden = 32, seed = 0;
  double gamma = 0.99, lambda = 0.95, value_coef = 0.5, entropy_coef = 0.01;
  void visit(auto&& f) {
    f("environment", environment, "spec of the environment");
    f("optim", optim, "spec of the optimizer");
    f("baseline", baseline, "subtracted from returns", choices({"value", "mean", "none"}));
    f("updates", updates, "optimizer steps", at_least(0));
    f("episodes", episodes, "played side by side", at_least(1));
    f("steps", steps, "of a rollout", at_least(1));
    f("hidden", hidden, "units", at_least(1));
    f("seed", seed, "of everything");
    f("gamma", gamma, "discount", between(0, 1));
    f("lambda", lambda, "trace", between(0, 1));
    f("value_coef", value_coef, "weight of the critic's loss", at_least(0));
    f("entropy_coef", entropy_coef, "weight of the entropy", at_least(0));
  }
};
/// The trained network. `after` sees each update and the mean return of the episodes that ended in it; false stops. Throws
/// UsageError for unknown specs, NumericError where training diverges.
Tensors train_policy(const PolicyGradientOptions& options,
                     const std::function<bool(int64 update, double mean_return)>& after = nullptr);

}  // namespace gradus
