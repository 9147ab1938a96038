// Corruptions by weather and light.
#include <numbers>

#include "data/corruptions/corruption.h"

namespace gradus::corruption {
namespace {

double mean_value(const FloatImage& image) {
  double total = 0;
  for (const double v : image.v) total += v;
  return total / static_cast<double>(image.v.size());
}

}  // namespace

void snow(FloatImage& image, int severity, Rng& rng) {
  // Flakes that streak down, over an image that is paler.
  const double share = strength({0.01, 0.02, 0.03, 0.045, 0.06}, severity),
               pale = strength({0.1, 0.15, 0.2, 0.3, 0.4}, severity);
  const double angle = std::numbers::pi / 2 + rng.uniform(-0.4, 0.4);
  FloatImage flakes(1, image.H, image.W);
  flakes.map([&](double) { return rng.bernoulli(share) ? rng.uniform(2, 5) : 0.0; });
  blur(flakes, line_kernel(image.scaled(3), angle));
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x) {
        double& v = image.at(c, y, x);
        v = (1 - pale) * v + pale * std::max(v, 0.5) + flakes.at(0, y, x);
      }
}

void frost(FloatImage& image, int severity, Rng& rng) {
  // Ridges of a cloud are crystals.
  const double kept = strength({0.95, 0.9, 0.85, 0.75, 0.65}, severity),
               ice = strength({0.25, 0.4, 0.5, 0.65, 0.8}, severity);
  const FloatImage cloud = clouds(image.H, image.W, 0.7, rng);
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x) {
        const double ridge = std::pow(1 - std::abs(2 * cloud.at(0, y, x) - 1), 2);
        image.at(c, y, x) = kept * image.at(c, y, x) + ice * ridge;
      }
}

void fog(FloatImage& image, int severity, Rng& rng) {
  // A cloud lies over the image, which is scaled so that the brightest value stays.
  const double thick = strength({0.2, 0.4, 0.6, 0.9, 1.3}, severity);
  const FloatImage cloud = clouds(image.H, image.W, 0.6, rng);
  const double most = *std::max_element(image.v.begin(), image.v.end());
  for (int64 c = 0; c < image.C; ++c)
    for (int64 y = 0; y < image.H; ++y)
      for (int64 x = 0; x < image.W; ++x)
        image.at(c, y, x) =
            (image.at(c, y, x) + thick * cloud.at(0, y, x)) * (most + 0.2) / (most + 0.2 + thick);
}

void brightness(FloatImage& image, int severity, Rng&) {
  const double more = strength({0.08, 0.15, 0.22, 0.3, 0.4}, severity);
  image.map([&](double v) { return v + more; });
}

void contrast(FloatImage& image, int severity, Rng&) {
  const double factor = strength({0.75, 0.55, 0.4, 0.25, 0.15}, severity), mean = mean_value(image);
  image.map([&](double v) { return mean + factor * (v - mean); });
}

}  // namespace gradus::corruption
