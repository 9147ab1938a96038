#include "apps/papers/diffusion/super_resolution.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/papers/testtime/unit_images.h"
#include "core/error.h"
#include "nn/diffusion/frequency_bands.h"

namespace gradus {
namespace {

// Blur along rows and columns, edges repeated.
std::vector<double> blurred(const std::vector<double>& x, int64 side, double sigma) {
  std::array<double, 5> weights;
  double total = 0;
  for (int k = -2; k <= 2; ++k)
    total += weights[static_cast<size_t>(k + 2)] = std::exp(-k * k / (2 * sigma * sigma));
  const auto pass = [&](const std::vector<double>& from, int64 step_row, int64 step) {
    std::vector<double> to(from.size());
    for (int64 r = 0; r < side; ++r)
      for (int64 c = 0; c < side; ++c)
        for (int64 k = -2; k <= 2; ++k)
          to[static_cast<size_t>(r * step_row + c * step)] +=
              weights[static_cast<size_t>(k + 2)] / total *
              from[static_cast<size_t>(r * step_row + std::clamp(c + k, int64{0}, side - 1) * step)];
    return to;
  };
  return pass(pass(x, side, 1), 1, side);
}

}  // namespace

DegradedImages degraded_images(const Dataset& set, int64 count, Rng rng) {
  const int64 window = std::max<int64>(set.info().example[1] / 14, 1);
  const PooledImages images = unit_images(set, count, window);
  const int64 n = images.x.dim(0), side = set.info().example[1] / window, half = side / 2;
  if (side % 2 || images.x.dim(1) != side * side)
    fail<DataError>("degraded_images: grey images of an even size only");
  DegradedImages out{Tensor({n, 1, side, side}), Tensor({n, 1, side, side})};
  for (int64 b = 0; b < n; ++b) {
    std::vector<double> x;
    for (int64 i = 0; i < side * side; ++i)
      x.push_back(2 * static_cast<double>(images.x.data()[b * side * side + i]) - 1);
    for (int64 i = 0; i < side * side; ++i)
      out.sharp.mutable_data()[b * side * side + i] = static_cast<real>(x[static_cast<size_t>(i)]);
    const std::vector<double> soft = blurred(x, side, rng.uniform(0.6, 1.4));
    const double noise = rng.uniform(0, 0.05);
    std::vector<double> small(static_cast<size_t>(half * half));
    for (int64 r = 0; r < half; ++r)
      for (int64 c = 0; c < half; ++c) {
        double sum = 0;
        for (int64 k = 0; k < 4; ++k)
          sum += soft[static_cast<size_t>((2 * r + k / 2) * side + 2 * c + k % 2)];
        small[static_cast<size_t>(r * half + c)] = sum / 4 + noise * rng.normal();
      }
    for (int64 r = 0; r < side; ++r)
      for (int64 c = 0; c < side; ++c) {
        const double y = std::clamp((static_cast<double>(r) + 0.5) / 2 - 0.5, 0.0,
                                    static_cast<double>(half - 1)),
                     z = std::clamp((static_cast<double>(c) + 0.5) / 2 - 0.5, 0.0,
                                    static_cast<double>(half - 1));
        const auto y0 = static_cast<int64>(y), z0 = static_cast<int64>(z);
        const int64 y1 = std::min(y0 + 1, half - 1), z1 = std::min(z0 + 1, half - 1);
        const double fy = y - static_cast<double>(y0), fz = z - static_cast<double>(z0);
        const auto at = [&](int64 i, int64 j) { return small[static_cast<size_t>(i * half + j)]; };
        out.condition.mutable_data()[(b * side + r) * side + c] =
            static_cast<real>((1 - fy) * ((1 - fz) * at(y0, z0) + fz * at(y0, z1)) +
                              fy * ((1 - fz) * at(y1, z0) + fz * at(y1, z1)));
      }
  }
  return out;
}

double mean_psnr(const Tensor& out, const Tensor& sharp) {
  const int64 n = out.dim(0), size = out.numel() / n;
  double total = 0;
  for (int64 b = 0; b < n; ++b) {
    double square = 0;
    for (int64 i = b * size; i < (b + 1) * size; ++i) {
      const double gap = static_cast<double>(out.data()[i]) - static_cast<double>(sharp.data()[i]);
      square += gap * gap;
    }
    total += 10 * std::log10(4 * static_cast<double>(size) / std::max(square, 1e-12));
  }
  return total / static_cast<double>(n);
}

double high_frequency_error(const Tensor& out, const Tensor& sharp) {
  const Recording off(false);
  const int64 h = out.dim(2), w = out.dim(3);
  const Tensor a = spectral_magnitude(out), b = spectral_magnitude(sharp),
               low = low_band(h, w, static_cast<double>(std::min(h, w)) / 4);
  double total = 0;
  int64 count = 0;
  for (int64 i = 0; i < a.numel(); ++i) {
    if (low.data()[i % (h * w)] > 0) continue;
    total += std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i]));
    ++count;
  }
  return total / static_cast<double>(std::max<int64>(count, 1));
}

}  // namespace gradus
