#include "nn/diffusion/apg.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

Tensor apg_step(const Tensor& cond, const Tensor& uncond, Tensor& momentum_buffer, const ApgOptions& o) {
  if (cond.rank() < 1 || !(cond.shape() == uncond.shape()) || !(cond.shape() == momentum_buffer.shape()))
    fail<ShapeError>("apg: cond {}, uncond {}, momentum {}", cond.shape().str(), uncond.shape().str(),
                     momentum_buffer.shape().str());
  const bool paper = o.formulation == "paper";
  const int64 n = row_size(cond);
  Tensor guided(cond.shape());
  std::vector<double> d(static_cast<size_t>(n));
  for (int64 row = 0; row < cond.dim(0); ++row) {
    const real *c = cond.data() + row * n, *u = uncond.data() + row * n;
    real *m = momentum_buffer.mutable_data() + row * n, *to = guided.mutable_data() + row * n;
    double square = 0;
    for (int64 i = 0; i < n; ++i) {
      const double v =
          static_cast<double>(c[i]) - static_cast<double>(u[i]) + o.momentum * static_cast<double>(m[i]);
      d[static_cast<size_t>(i)] = v;
      m[i] = static_cast<real>(v);
      square += v * v;
    }
    const double length = std::sqrt(square);
    const double cap = o.norm_threshold > 0 && length > 0 ? std::min(1.0, o.norm_threshold / length) : 1;
    const double size = std::max(std::sqrt(row_dot(cond, cond, row)), 1e-12);
    double along = 0;  // <d, cond/|cond|>
    for (int64 i = 0; i < n; ++i)
      along += cap * d[static_cast<size_t>(i)] * (static_cast<double>(c[i]) / size);
    for (int64 i = 0; i < n; ++i) {
      const double par = along * static_cast<double>(c[i]) / size;
      const double upd = cap * d[static_cast<size_t>(i)] - par + o.eta * par;
      to[i] = static_cast<real>(paper ? static_cast<double>(c[i]) + (o.scale - 1) * upd
                                      : static_cast<double>(u[i]) + o.scale * upd);
    }
  }
  return guided;
}

}  // namespace gradus
