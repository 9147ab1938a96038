// Adam with everything that its options may change, for rules that contain it; see adam.cpp and adam_forms.cpp.
#pragma once

#include <string>

#include "optim/rule.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {

/// What options may add to Algorithm 1; by default nothing.
struct AdamForms {
  double weight_decay = 0;
  bool decoupled = false, amsgrad = false, cautious = false;
  bool eps_inside_root = false, bias_correction = true;
  std::string variance = "full";
  void visit(auto&& f) {
    visit_decay(f);
    f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient (AdamW)");
    visit_amsgrad(f);
    visit_cautious(f);
    f("eps_inside_root", eps_inside_root, "add eps to the second moment instead of its root");
    f("bias_correction", bias_correction, "divide the moments by 1 - beta^t");
    f("variance", variance, "second moment of every entry, or of a matrix's rows and columns",
      choices({"full", "rank1"}));
  }
  void visit_decay(auto&& f) { f("weight_decay", weight_decay, "weight decay", at_least(0)); }
  void visit_amsgrad(auto&& f) { f("amsgrad", amsgrad, "divide by the largest second moment so far"); }
  void visit_cautious(auto&& f) { f("cautious", cautious, "move only where momentum and gradient agree"); }
  /// Whether any of them changes the step.
  bool any() const;
  /// Throws UsageError for forms that do not go together.
  void check() const;
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  AdamForms forms;
  /// The options all rules with Adam inside share.
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the bias-corrected root", epsilon());
    forms.visit_decay(f);
  }
};

/// One step; state: m, v, with amsgrad vmax; with variance=rank1 matrices have r and c in place of v.
void adam_update(Param& p, State& s, const AdamOptions& o, const StepInfo& k);

}  // namespace gradus::rules
