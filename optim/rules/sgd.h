// SGD with momentum, for rules that end in it; see sgd.cpp.
#pragma once

#include "optim/rule.h"

namespace gradus::rules {

struct SgdOptions {
  double lr = 0.01, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, decoupled = false;
  /// The options all forms share; `decoupled` is sgd's alone.
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("momentum", momentum, "share of the velocity that is kept", decay_rate());
    f("dampening", dampening, "share of the gradient that does not enter the velocity", between(0, 1));
    f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    f("nesterov", nesterov, "look ahead by one velocity step");
  }
};

/// Throws UsageError for a Nesterov form without momentum.
void sgd_check(const SgdOptions& o, const char* optimizer);
/// One step; state: v.
void sgd_update(Param& p, State& s, const SgdOptions& o, const StepInfo& k);

}  // namespace gradus::rules
