#include "optim/vocabulary/braking.h"

namespace gradus {

Alignment alignment(const Tensor& w, const Tensor& g, const Tensor& v, double l2, int64 offset, int64 n) {
  const real *wp = w.data() + offset, *gp = g.data() + offset, *vp = v.data() + offset;
  const auto full = [decay = static_cast<real>(l2)](real x, real y) {
    return static_cast<double>(y + decay * x);
  };
  return {sum_of(
              n, [=](real x, real y, real z) { return full(x, y) * static_cast<double>(z); }, wp, gp, vp),
          sum_of(
              n, [=](real x, real y) { return full(x, y) * full(x, y); }, wp, gp),
          sum_of(
              n, [](real z) { return static_cast<double>(z) * static_cast<double>(z); }, vp)};
}

}  // namespace gradus
