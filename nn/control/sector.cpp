#include "nn/control/sector.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_commands(const char* what, const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.numel() < 1)
    fail<ShapeError>("{}: {} and {}", what, a.shape().str(), b.shape().str());
}

}  // namespace

Tensor sector_saturation(const Tensor& y, const Tensor& u_h, const SectorOptions& options) {
  check_commands("sector_saturation", y, u_h);
  const real a = static_cast<real>(options.a), b = static_cast<real>(options.b);
  if (options.kind == "smooth") return u_h * ((a + b) / 2 + (b - a) / 2 * tanh(y));
  Tensor inside(y.shape()), edge(y.shape());  // 1 inside; the edge's value outside
  for (int64 i = 0; i < y.numel(); ++i) {
    const auto [lo, hi] = std::minmax({a * u_h.data()[i], b * u_h.data()[i]});
    const real v = y.data()[i];
    inside.mutable_data()[i] = v > lo && v < hi;
    edge.mutable_data()[i] = std::clamp(v, lo, hi);
  }
  return where(inside, y, edge);
}

WorstCaseWeight worst_case_weight(const Tensor& u_h, const Tensor& u_e, const SectorBounds& options) {
  check_commands("worst_case_weight", u_h, u_e);
  const double reach = std::max(options.b - 1, 1 - options.a), n = static_cast<double>(u_h.numel());
  WorstCaseWeight result;
  for (int64 i = 0; i < u_h.numel(); ++i) {
    const double h = static_cast<double>(u_h.data()[i]), e = static_cast<double>(u_e.data()[i]);
    const double far = std::max(std::abs(options.a * h - e), std::abs(options.b * h - e));
    result.human += reach * reach * h * h / n;
    result.expert += far * far / n;
  }
  const double sum = result.human + result.expert;
  result.gamma = sum > 0 ? result.human / sum : 0.5;
  return result;
}

}  // namespace gradus
