// The options that most relatives of Adam have, named and described once.
#pragma once

#include "optim/vocabulary/words.h"

namespace gradus {

/// lr, beta1, beta2, eps, weight_decay. A rule derives from it, sets its own defaults and names what it adds.
struct MomentOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the root", epsilon());
    f("weight_decay", weight_decay, "weight decay", at_least(0));
  }
};

}  // namespace gradus
