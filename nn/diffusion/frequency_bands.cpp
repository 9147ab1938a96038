#include "nn/diffusion/frequency_bands.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// Row k: cosine (or sine) of frequency k - floor(n/2) at positions 0..n-1.
Tensor waves(int64 n, bool sine) {
  Tensor m({n, n});
  for (int64 k = 0; k < n; ++k)
    for (int64 p = 0; p < n; ++p) {
      const double angle =
          2 * std::numbers::pi * static_cast<double>((k - n / 2) * p) / static_cast<double>(n);
      m.mutable_data()[k * n + p] = static_cast<real>(sine ? std::sin(angle) : std::cos(angle));
    }
  return m;
}

}  // namespace

Tensor spectral_magnitude(const Tensor& features) {
  if (features.rank() != 4)
    fail<ShapeError>("spectral_magnitude: {}, expected (B,C,h,w)", features.shape().str());
  const int64 h = features.dim(2), w = features.dim(3);
  const Tensor rows = matmul(features, waves(w, false), false, true),
               odd = matmul(features, waves(w, true), false, true);
  const Tensor cy = waves(h, false), sy = waves(h, true);
  const Tensor re = matmul(cy, rows) - matmul(sy, odd),
               im = matmul(cy, odd) + matmul(sy, rows);  // im up to its sign
  return sqrt(square(re) + square(im) + real(1e-12)) - real(1e-6);
}

Tensor low_band(int64 h, int64 w, double cutoff) {
  Tensor mask({h, w});
  for (int64 y = 0; y < h; ++y)
    for (int64 x = 0; x < w; ++x) {
      const auto fy = static_cast<double>(y - h / 2), fx = static_cast<double>(x - w / 2);
      mask.mutable_data()[y * w + x] = std::sqrt(fy * fy + fx * fx) <= cutoff;
    }
  return mask;
}

Tensor normalised_rows(const Tensor& x, double floor) {
  return x / maximum(norm(x, {1}, true), Tensor::scalar(static_cast<real>(floor)));
}

Band band_of(const Tensor& magnitude, const Tensor& mask) {
  const Tensor kept = magnitude * mask;  // (B,C,h,w)
  const auto bins = std::count(mask.data(), mask.data() + mask.numel(), real(1)) * magnitude.dim(1);
  return {normalised_rows(
              reshape(kept, {magnitude.dim(0), magnitude.numel() / std::max<int64>(magnitude.dim(0), 1)})),
          sum(kept, {1, 2, 3}) / static_cast<real>(std::max<std::ptrdiff_t>(bins, 1))};
}

}  // namespace gradus
