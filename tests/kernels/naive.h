// Plain double loops that the kernel tests compare with, and what they share.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/conv.h"
#include "core/rng.h"
#include "core/scratch.h"
#include "core/tensor.h"
#include "core/threads.h"

namespace gradus::naive {

using Doubles = std::vector<double>;

inline Doubles doubles(const Tensor& t) { return {t.data(), t.data() + t.numel()}; }

/// Largest |a-b| over the largest |b| (1 if b is all zero); infinity on NaN or different sizes.
inline double error(const Tensor& a, const Doubles& b) {
  if (a.numel() != static_cast<int64>(b.size())) return INFINITY;
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = std::fabs(a.data()[i] - b[i]);
    if (!(d <= 1e300)) return INFINITY;
    worst = std::max(worst, d);
    scale = std::max(scale, std::fabs(b[i]));
  }
  return worst / (scale > 0 ? scale : 1);
}

/// What rounding may do to a sum of some hundred terms.
inline double tolerance(double float_tolerance = 2e-6, double double_tolerance = 1e-13) {
  return sizeof(real) == 8 ? double_tolerance : float_tolerance;
}

/// Leaves NaN in the scratch memory of all threads: what a kernel reads without having written it shows.
inline void poison_scratch() {
  constexpr std::size_t kNumbers = std::size_t{1} << 18;
  parallel_for(threads(), 1, [](int64, int64) {
    const ScratchBlock block(kNumbers * sizeof(real));
    std::fill_n(static_cast<real*>(block.data()), kNumbers, real(NAN));
  });
}

/// Calls visit(y_index, x_index, w_index) for every product of a convolution.
template <class Visit>
void each_product(const Shape& x, const Shape& w, const Shape& y, const ConvSpec& s, const Visit& visit) {
  const int64 og = y[1] / s.groups, cg = w[1];
  for (int64 n = 0; n < y[0]; ++n)
    for (int64 o = 0; o < y[1]; ++o)
      for (int64 r = 0; r < y[2]; ++r)
        for (int64 q = 0; q < y[3]; ++q)
          for (int64 c = 0; c < cg; ++c)
            for (int64 i = 0; i < w[2]; ++i)
              for (int64 j = 0; j < w[3]; ++j) {
                const int64 a = r * s.stride_h + i * s.dilation_h - s.pad_h;
                const int64 b = q * s.stride_w + j * s.dilation_w - s.pad_w;
                if (a < 0 || a >= x[2] || b < 0 || b >= x[3]) continue;
                visit(((n * y[1] + o) * y[2] + r) * y[3] + q,
                      ((n * x[1] + o / og * cg + c) * x[2] + a) * x[3] + b,
                      ((o * cg + c) * w[2] + i) * w[3] + j);
              }
}

}  // namespace gradus::naive
