// The registry entries of all rules, each defined in the file of its name.
#pragma once

#include "optim/rule.h"

namespace gradus::rules {

// Baselines
OptimizerEntry sgd();
OptimizerEntry rmsprop();
OptimizerEntry adagrad();
OptimizerEntry adadelta();

// Element-wise adaptive rules
OptimizerEntry adam();
OptimizerEntry adamw();
OptimizerEntry amsgrad();

// Gradient transforms
OptimizerEntry clip_norm();
OptimizerEntry clip_value();

}  // namespace gradus::rules
