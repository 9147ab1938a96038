// An image of real numbers in [0,1], and the few operations that corruptions are made of.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/rng.h"

namespace gradus {

struct FloatImage {
  FloatImage(int64 channels, int64 height, int64 width, double value = 0)
      : C(channels), H(height), W(width), v(static_cast<size_t>(channels * height * width), value) {}
  int64 C, H, W;
  std::vector<double> v;  ///< (C,H,W)

  double& at(int64 c, int64 y, int64 x) { return v[static_cast<size_t>((c * H + y) * W + x)]; }
  double at(int64 c, int64 y, int64 x) const { return v[static_cast<size_t>((c * H + y) * W + x)]; }
  /// Pixels beyond the border repeat it.
  double held(int64 c, int64 y, int64 x) const {
    return at(c, std::clamp<int64>(y, 0, H - 1), std::clamp<int64>(x, 0, W - 1));
  }
  /// Bilinear between pixels.
  double sample(int64 c, double y, double x) const {
    const double top = std::floor(y), left = std::floor(x), dy = y - top, dx = x - left;
    const auto r = static_cast<int64>(top), k = static_cast<int64>(left);
    return (1 - dy) * ((1 - dx) * held(c, r, k) + dx * held(c, r, k + 1)) +
           dy * ((1 - dx) * held(c, r + 1, k) + dx * held(c, r + 1, k + 1));
  }
  /// Lengths that are given for a side of 32 pixels.
  double scaled(double of_32) const { return of_32 * static_cast<double>(std::max(H, W)) / 32; }
  /// Each value f(value).
  template <class F>
  void map(const F& f) {
    for (double& value : v) value = f(value);
  }
  void clip() {
    map([](double value) { return std::clamp(value, 0.0, 1.0); });
  }
};

/// Odd x odd weights of sum 1.
struct BlurKernel {
  int64 radius = 0;
  std::vector<double> weights;  ///< (2 radius + 1)^2, rows first
};
/// A disc of this radius with soft edges.
BlurKernel disc_kernel(double radius);
BlurKernel gaussian_kernel(double deviation);
/// A line of this length at this angle.
BlurKernel line_kernel(double length, double angle);
/// Borders are repeated.
void blur(FloatImage& image, const BlurKernel& kernel);

/// Smooth random values in [0,1] of one channel: noise of halving periods from the image's side down, each `roughness` as
/// strong as the one before.
FloatImage clouds(int64 height, int64 width, double roughness, Rng& rng);

}  // namespace gradus
