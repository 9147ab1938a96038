// Words shared by rules that look at a whole layer (one parameter tensor).
#pragma once

#include "optim/rule.h"

namespace gradus::rules {

/// Biases, norm gains and scalars: what layer-wise scaling and weight decay leave alone.
inline bool is_excluded(const Param& p) {
  return p.data.rank() <= 1 || p.kind == ParamKind::kBias || p.kind == ParamKind::kNorm;
}

/// A tensor of rank >= 2 as a matrix (out, rest) that shares its storage.
inline Tensor as_matrix(const Tensor& t) {
  const int64 rows = t.dim(0);
  return t.view({rows, rows ? t.numel() / rows : 0});
}

/// ||g + l2*w||.
inline double decayed_norm(const Tensor& w, const Tensor& g, double l2) {
  return std::sqrt(sum_elements(w, g, [=](real x, real y) {
    const double d = static_cast<double>(y) + l2 * static_cast<double>(x);
    return d * d;
  }));
}

}  // namespace gradus::rules
