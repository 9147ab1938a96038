#include "optim/rules/families.h"

namespace gradus::rules {

std::vector<OptimizerEntry> layerwise_rules() { return {lars(), tvlars(), lamb(), sgd_sai(), subset_norm()}; }

}  // namespace gradus::rules
