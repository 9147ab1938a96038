#include "core/random_laws.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

double log_gamma_draw(Rng& rng, double shape) {
  if (!(shape > 0) || !std::isfinite(shape)) fail<UsageError>("a gamma law of shape {}", shape);
  if (shape < 1) {
    const double boost = std::log(1 - rng.uniform()) / shape;  // log U^(1/a), U in (0,1]
    return log_gamma_draw(rng, shape + 1) + boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

double beta_draw(Rng& rng, double a, double b) {
  const double x = log_gamma_draw(rng, a), y = log_gamma_draw(rng, b);
  return 1 / (1 + std::exp(y - x));
}

std::vector<double> dirichlet_draw(Rng& rng, std::span<const double> alpha) {
  if (alpha.empty()) fail<UsageError>("a Dirichlet law of no shapes");
  std::vector<double> draw;
  for (const double a : alpha) draw.push_back(log_gamma_draw(rng, a));
  const double most = *std::max_element(draw.begin(), draw.end());
  double sum = 0;
  for (double& x : draw) sum += x = std::exp(x - most);
  for (double& x : draw) x /= sum;
  return draw;
}

}  // namespace gradus
