#include "nn/diffusion/adaptive_guidance.h"

#include "core/error.h"
#include "nn/diffusion/prediction.h"

namespace gradus {

AdaptiveRule::AdaptiveRule(int64 rows, const AdaptiveRuleOptions& options)
    : o_(options), off_(static_cast<size_t>(rows)), armed_(static_cast<size_t>(rows), !options.use_arming) {}

Tensor AdaptiveRule::combine(const Tensor& cond, const Tensor& uncond) const {
  if (!(cond.shape() == uncond.shape()) || cond.rank() < 1 || cond.dim(0) != std::ssize(off_))
    fail<ShapeError>("adaptive guidance: cond {}, uncond {}, {} samples", cond.shape().str(),
                     uncond.shape().str(), off_.size());
  Tensor out(cond.shape());
  const int64 n = row_size(cond);
  for (int64 row = 0; row < cond.dim(0); ++row)
    for (int64 i = row * n; i < (row + 1) * n; ++i) {
      const real c = cond.data()[i], u = uncond.data()[i];
      out.mutable_data()[i] = guided(row) ? u + static_cast<real>(o_.scale) * (c - u) : c;
    }
  return out;
}

void AdaptiveRule::see(const std::vector<double>& gamma) {
  for (size_t row = 0; row < off_.size(); ++row) {
    if (off_[row]) continue;
    if (gamma[row] < o_.gamma_bar) armed_[row] = true;
    off_[row] = armed_[row] && gamma[row] >= o_.gamma_bar;
  }
}

Tensor AdaptiveGuidance::combine(const GuidanceStep& s) {
  Tensor guided = rule_.combine(s.cond, s.uncond);
  rule_.see(o_.space == "x0" ? row_cosines(s.cond, s.uncond)
                             : row_cosines(noise_of(s.x, s.cond, s.level), noise_of(s.x, s.uncond, s.level)));
  return guided;
}

}  // namespace gradus
