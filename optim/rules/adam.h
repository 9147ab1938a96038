// Adam, for rules that contain it; see adam.cpp.
#pragma once

#include "optim/rule.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled = false, amsgrad = false, cautious = false;
  bool eps_inside_root = false, bias_correction = true;
  std::string variance = "full";
  /// The options all forms share.
  void visit_common(auto&& f) {
    f("lr", lr, "step size", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the bias-corrected root", epsilon());
    f("weight_decay", weight_decay, "weight decay", at_least(0));
  }
};

/// What the elements of a step share.
struct AdamScalars {
  double lr, c1, c2;  ///< step size; 1 - beta1^t, 1 - beta2^t, or 1 without bias_correction
  Decay decay;
  AdamScalars(const AdamOptions& o, const StepInfo& k);
};

/// Throws UsageError for forms that do not go together.
void adam_check(const AdamOptions& o);
/// One step; state: m, v, with amsgrad vmax; with variance=rank1 matrices have r and c in place of v.
void adam_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k);
/// The steps of variance=rank1 (a matrix) and of eps_inside_root.
void adam_rank1_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k);
void adam_inside_root_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k);

inline constexpr const char* kAdamEquations =
    "g = g + weight_decay*w          decoupled: w = w - lr*weight_decay*w\n"
    "m = beta1*m + (1-beta1)*g\n"
    "v = beta2*v + (1-beta2)*g^2     amsgrad: vmax = max(vmax, v), in place of v below\n"
    "w = w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)\n"
    "cautious: only where m*g > 0, times n/(count of these + 1)";

}  // namespace gradus::rules
