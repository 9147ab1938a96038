// Corruptions of single pixels.
#include "data/corruptions/corruption.h"

namespace gradus::corruption {

void gaussian_noise(FloatImage& image, int severity, Rng& rng) {
  const double deviation = strength({0.05, 0.08, 0.12, 0.18, 0.26}, severity);
  image.map([&](double v) { return v + deviation * rng.normal(); });
}

void shot_noise(FloatImage& image, int severity, Rng& rng) {
  // Poisson counts of mean v*photons, divided by photons: the normal law above 30 counts, else by multiplication of uniforms.
  const double photons = strength({120, 60, 25, 12, 5}, severity);
  image.map([&](double v) {
    const double mean = v * photons;
    if (mean > 30) return (mean + std::sqrt(mean) * rng.normal()) / photons;
    double count = 0, product = rng.uniform();
    for (const double end = std::exp(-mean); product > end; product *= rng.uniform()) ++count;
    return count / photons;
  });
}

void impulse_noise(FloatImage& image, int severity, Rng& rng) {
  const double share = strength({0.02, 0.04, 0.08, 0.14, 0.22}, severity);
  image.map([&](double v) {
    const double hit = rng.uniform();
    return hit < share / 2 ? 0 : hit < share ? 1 : v;
  });
}

}  // namespace gradus::corruption
