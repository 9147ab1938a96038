// The registry entries of optimizers that ask more of the objective than the gradient of a batch, each defined in the file of
// its name (rules/, wrappers/).
#pragma once

#include "optim/rule.h"

namespace gradus::rules {

// Curvature
OptimizerEntry adahessian();
OptimizerEntry sophia_h();
OptimizerEntry sophia_g();
OptimizerEntry lbfgs();
std::vector<OptimizerEntry> second_order_rules();

// Sharpness: the loss near the weights
OptimizerEntry gsam();
OptimizerEntry friendly_sam();
OptimizerEntry looksam();
OptimizerEntry wsam();
OptimizerEntry bsam();
std::vector<OptimizerEntry> sharpness_optimizers();

// Variance reduction: the same batch at earlier weights, all data now and then
OptimizerEntry svrg();
OptimizerEntry sarah();
OptimizerEntry storm();
OptimizerEntry delta_sgd();  // step sizes from the same batch there
std::vector<OptimizerEntry> variance_reduction_optimizers();

// Gradients example by example
OptimizerEntry dp_sgd();
std::vector<OptimizerEntry> privacy_optimizers();

}  // namespace gradus::rules
