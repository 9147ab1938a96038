// The registry entries of rules for matrices, gradient transforms and wrappers that complete the collection, each defined
// in the file of its name.
#pragma once

#include <vector>

#include "optim/rule.h"

namespace gradus::rules {

// Rules for matrices, and Adam with resets
OptimizerEntry scion();
OptimizerEntry galore();
OptimizerEntry fira();
OptimizerEntry apollo();
OptimizerEntry apollo_mini();
OptimizerEntry conda();
OptimizerEntry spam();
OptimizerEntry stable_spam();
std::vector<OptimizerEntry> projected_rules();

// Gradient transforms
OptimizerEntry gradient_centralization();
OptimizerEntry orthograd();
OptimizerEntry scaled_gd_transform();
OptimizerEntry grokfast();
OptimizerEntry grokfast_ma();
OptimizerEntry gradient_noise();
OptimizerEntry normalized_gradient();
OptimizerEntry clip_block_rms();
std::vector<OptimizerEntry> gradient_transforms();

// Wrappers: learned scales of the way gone, averages to evaluate
OptimizerEntry mechanic();
OptimizerEntry trac();
OptimizerEntry schedule_free();
OptimizerEntry swa();
OptimizerEntry lawa();
OptimizerEntry poly_average();
std::vector<OptimizerEntry> averaging_wrappers();

}  // namespace gradus::rules
