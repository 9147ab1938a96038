// Adam, for rules that contain it; see adam.cpp.
#pragma once

#include "optim/rule.h"
#include "optim/vocabulary.h"

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

/// Throws UsageError for forms that do not go together.
void adam_check(const AdamOptions& o);
/// One step; state: m, v, with amsgrad vmax; with variance=rank1 matrices have r and c in place of v.
void adam_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k);

}  // namespace gradus::rules
