#include "optim/rules/matrix_zoo.h"

namespace gradus::rules {

std::vector<OptimizerEntry> projected_rules() {
  return {scion(), galore(), fira(), apollo(), apollo_mini(), conda(), spam(), stable_spam()};
}
std::vector<OptimizerEntry> gradient_transforms() {
  return {gradient_centralization(), orthograd(),           scaled_gd_transform(), grokfast(), grokfast_ma(),
          gradient_noise(),          normalized_gradient(), clip_block_rms()};
}
std::vector<OptimizerEntry> averaging_wrappers() {
  return {mechanic(), trac(), schedule_free(), swa(), lawa(), poly_average()};
}

}  // namespace gradus::rules
