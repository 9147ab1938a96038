#include "data/corruptions/float_image.h"

namespace gradus {
namespace {

BlurKernel normalised(BlurKernel kernel) {
  double total = 0;
  for (const double w : kernel.weights) total += w;
  for (double& w : kernel.weights) w /= total;
  return kernel;
}
// weight(dy, dx) over the square of a radius.
template <class Weight>
BlurKernel kernel_of(int64 radius, const Weight& weight) {
  BlurKernel kernel{radius, {}};
  for (int64 dy = -radius; dy <= radius; ++dy)
    for (int64 dx = -radius; dx <= radius; ++dx)
      kernel.weights.push_back(weight(static_cast<double>(dy), static_cast<double>(dx)));
  return normalised(std::move(kernel));
}

}  // namespace

BlurKernel disc_kernel(double radius) {
  return kernel_of(static_cast<int64>(std::ceil(radius)), [&](double dy, double dx) {
    return std::clamp(radius + 0.5 - std::hypot(dy, dx), 0.0, 1.0);
  });
}

BlurKernel gaussian_kernel(double deviation) {
  return kernel_of(static_cast<int64>(std::ceil(3 * deviation)), [&](double dy, double dx) {
    return deviation > 0 ? std::exp(-(dy * dy + dx * dx) / (2 * deviation * deviation)) : 1;
  });
}

BlurKernel line_kernel(double length, double angle) {
  const double half = std::max(length / 2, 0.0), along_y = std::sin(angle), along_x = std::cos(angle);
  return kernel_of(static_cast<int64>(std::ceil(half)), [&](double dy, double dx) {
    const double along = dy * along_y + dx * along_x, across = std::abs(dx * along_y - dy * along_x);
    return std::clamp(1 - across, 0.0, 1.0) * std::clamp(half + 0.5 - std::abs(along), 0.0, 1.0);
  });
}

void blur(FloatImage& image, const BlurKernel& kernel) {
  const FloatImage before = image;
  const int64 side = 2 * kernel.radius + 1;
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x) {
        double total = 0;
        for (int64 dy = -kernel.radius; dy <= kernel.radius; ++dy)
          for (int64 dx = -kernel.radius; dx <= kernel.radius; ++dx)
            total += kernel.weights[static_cast<size_t>((dy + kernel.radius) * side + dx + kernel.radius)] *
                     before.held(c, y + dy, x + dx);
        image.at(c, y, x) = total;
      }
}

FloatImage clouds(int64 height, int64 width, double roughness, Rng& rng) {
  FloatImage sum(1, height, width);
  double weight = 1;
  const double side = static_cast<double>(std::max(height, width));
  for (double period = side; period >= 2; period /= 2, weight *= roughness) {
    const int64 knots = static_cast<int64>(std::ceil(side / period)) + 2;
    FloatImage grid(1, knots, knots);
    grid.map([&](double) { return rng.uniform(); });
    for (int64 y = 0; y < height; ++y)
      for (int64 x = 0; x < width; ++x)
        sum.at(0, y, x) +=
            weight * grid.sample(0, static_cast<double>(y) / period, static_cast<double>(x) / period);
  }
  const auto [low, high] = std::minmax_element(sum.v.begin(), sum.v.end());
  const double from = *low, span = *high - *low;
  sum.map([&](double value) { return span > 0 ? (value - from) / span : 0.5; });
  return sum;
}

}  // namespace gradus
