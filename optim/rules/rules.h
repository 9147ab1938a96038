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
OptimizerEntry adamax();
OptimizerEntry nadam();
OptimizerEntry adabound();
OptimizerEntry amsbound();
OptimizerEntry adaboundw();
OptimizerEntry adabelief();
OptimizerEntry adamomentum();
OptimizerEntry adam_cm();
OptimizerEntry adam_c();
OptimizerEntry sgd_c();
OptimizerEntry rmsprop_c();
OptimizerEntry mars_adamw();
OptimizerEntry mars_lion();
OptimizerEntry mars_shampoo();
OptimizerEntry swats();
OptimizerEntry diffgrad();
OptimizerEntry opt_amsgrad();
OptimizerEntry adamod();
OptimizerEntry adaptive_braking();
OptimizerEntry radam();
OptimizerEntry lion();
OptimizerEntry grams();
OptimizerEntry innaprop();
OptimizerEntry inna();
OptimizerEntry adamp();
OptimizerEntry sgdp();
OptimizerEntry adopt();
OptimizerEntry adan();
OptimizerEntry ademamix();
OptimizerEntry adafactor();
OptimizerEntry came();
OptimizerEntry novograd();
std::vector<OptimizerEntry> adaptive_rules();

// Gradient transforms
OptimizerEntry clip_norm();
OptimizerEntry clip_value();

// Wrappers of the training loop
OptimizerEntry accumulate();
OptimizerEntry delayed();
OptimizerEntry braking();
OptimizerEntry lookahead();
OptimizerEntry ema();
std::vector<OptimizerEntry> training_wrappers();

}  // namespace gradus::rules
