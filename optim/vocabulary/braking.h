// The alignment of gradient and velocity, by which adaptive braking scales gradients.
#pragma once

#include <algorithm>
#include <cmath>

#include "optim/elements.h"

namespace gradus {

struct Alignment {
  double gv = 0, gg = 0, vv = 0;  ///< <g,v>, <g,g>, <v,v>
  Alignment& operator+=(const Alignment& o) {
    gv += o.gv, gg += o.gg, vv += o.vv;
    return *this;
  }
  /// <g,v>/max(||g||*||v||, eps); 0 for a zero vector.
  double cosine(double eps) const { return gv / std::max(std::sqrt(gg) * std::sqrt(vv), eps); }
};

/// Of the n elements from `offset` on, with weight decay in the gradient: g + l2*w. Runs on the calling
/// thread.
Alignment alignment(const Tensor& w, const Tensor& g, const Tensor& v, double l2, int64 offset, int64 n);

}  // namespace gradus
