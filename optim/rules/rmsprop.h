// RMSprop, for rules that end in it; see rmsprop.cpp.
#pragma once

#include "optim/rule.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {

struct RmsPropOptions {
  double lr = 0.01, beta2 = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false, eps_inside_root = false;
  /// The options all forms share.
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the root", epsilon());
    f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    f("momentum", momentum, "momentum of the scaled gradient", decay_rate());
    f("centered", centered, "divide by the standard deviation instead of the root mean square");
  }
};

/// One step; state: v, with centered a, with momentum u.
void rmsprop_update(Param& p, State& s, const RmsPropOptions& o, const StepInfo& k);

}  // namespace gradus::rules
