#include "nn/sharpness/ellipsoid.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

// ||p/scale||^2 and its derivative in lam, where p/scale = z*scale/(scale^2 + 2*lam).
struct Secular {
  double square, slope;
};
Secular secular_at(std::span<const double> z, std::span<const double> scale, double lam) {
  Secular s{0, 0};
  for (size_t i = 0; i < z.size(); ++i) {
    if (scale[i] == 0) continue;
    const double below = scale[i] * scale[i] + 2 * lam, ratio = z[i] * scale[i] / below;
    s.square += ratio * ratio;
    s.slope -= 4 * ratio * ratio / below;
  }
  return s;
}

}  // namespace

std::vector<double> project_on_ellipsoid(std::span<const double> z, std::span<const double> scale,
                                         double rho) {
  if (z.size() != scale.size()) fail<ShapeError>("ellipsoid: {} numbers, {} scales", z.size(), scale.size());
  if (!(rho >= 0)) fail<UsageError>("ellipsoid: radius {}", rho);
  for (const double s : scale)
    if (!(s >= 0)) fail<UsageError>("ellipsoid: a scale of {}", s);
  std::vector<double> p(z.size(), 0.0);
  if (rho == 0) return p;
  double lam = 0;
  if (std::sqrt(secular_at(z, scale, 0).square) > rho) {
    // ||p/scale|| <= ||z*scale||/(2*lam): the root lies below this.
    double squares = 0;
    for (size_t i = 0; i < z.size(); ++i) squares += z[i] * z[i] * scale[i] * scale[i];
    double low = 0, high = std::sqrt(squares) / (2 * rho);
    // Newton's method on 1/||p/scale|| - 1/rho, which is nearly linear; where it leaves the bracket, its middle.
    for (int k = 0; k < 200; ++k) {
      const Secular s = secular_at(z, scale, lam);
      const double length = std::sqrt(s.square);
      (length > rho ? low : high) = lam;
      if (std::abs(length - rho) <= 1e-15 * rho || high - low <= 1e-16 * high) break;
      lam += 2 * s.square * (length - rho) / (-s.slope * rho);
      if (!(lam > low && lam < high)) lam = low + (high - low) / 2;
    }
  }
  for (size_t i = 0; i < z.size(); ++i)
    if (scale[i] != 0) p[i] = z[i] / (1 + 2 * lam / (scale[i] * scale[i]));
  return p;
}

}  // namespace gradus
