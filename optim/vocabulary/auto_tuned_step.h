// The step size of Delta-SGD: one over an estimate of the local smoothness, growing slowly where it may.
// Papers: Malitsky, Mishchenko, "Adaptive Gradient Descent without Descent", ICML 2020, arXiv 1910.09529;
//         Kim, Toghani, Uribe, Kyrillidis, "Adaptive Federated Learning with Auto-Tuned Clients", ICLR 2024, arXiv 2306.11201.
//   dx = ||x_k - x_{k-1}||,  dg = ||g - g'||, g and g' the gradients of the same batch at x_k and x_{k-1}
//   grow = lr*sqrt(1 + delta*theta)
//   lr_new = min(grow, gamma*dx/(2*dg)) [+ eps, form reference]  if dx > 0 and dg > 0,  else grow;   theta = lr_new/lr
// form reference: at every step, the first included (dx = dg = 0 there); form paper: the first step uses lr as it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "core/options.h"

namespace gradus {

struct AutoTunedOptions {
  std::string form = "reference";
  double lr = 0.2, theta = 1, delta = 0.1, gamma = 2, eps = 1e-8;

  void visit(auto&& f) {
    f("form", form, "whether the first step already grows and eps is added (reference) or not (paper)",
      choices({"reference", "paper"}));
    f("lr", lr, "first step size", positive());
    f("theta", theta, "ratio of the two step sizes before the first", positive());
    f("delta", delta, "growth: a step size is at most sqrt(1 + delta*theta) times the last", at_least(0));
    f("gamma", gamma, "twice the step size times the estimated smoothness", positive());
    f("eps", eps, "added to the estimate (form reference)", at_least(0));
  }
};

struct AutoTunedStep {
  double lr, theta;
  /// One more step. `first`: it is the first one.
  void advance(const AutoTunedOptions& o, double dx, double dg, bool first) {
    const bool paper = o.form == "paper";
    if (first && paper) return;
    const double grow = lr * std::sqrt(1 + o.delta * theta);
    const double next =
        dx > 0 && dg > 0 ? std::min(grow, o.gamma * dx / (2 * dg)) + (paper ? 0 : o.eps) : grow;
    theta = next / lr;
    lr = next;
  }
};

}  // namespace gradus
