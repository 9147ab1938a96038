#include "optim/rules/objective_rules.h"

namespace gradus::rules {

std::vector<OptimizerEntry> second_order_rules() { return {adahessian(), sophia_h(), sophia_g(), lbfgs()}; }
std::vector<OptimizerEntry> sharpness_optimizers() {
  return {gsam(), friendly_sam(), looksam(), wsam(), bsam()};
}
std::vector<OptimizerEntry> variance_reduction_optimizers() { return {svrg(), sarah(), storm(), delta_sgd()}; }
std::vector<OptimizerEntry> privacy_optimizers() { return {dp_sgd()}; }

}  // namespace gradus::rules
