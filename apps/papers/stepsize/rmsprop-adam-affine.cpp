// RMSProp and Adam under affine noise.
// Paper: Zhang, Zhou, Zou, "Convergence Guarantees for RMSProp and Adam in Generalized-smooth Non-convex Optimization with Affine
//        Noise Variance", TMLR 2025, arXiv 2404.01436.
//   v = beta2*v + (1-beta2)*g^2
//   RMSProp: w = w - eta*g/sqrt(v + zeta)        Adam: m = beta1*m + (1-beta1)*g,  w = w - eta*m/sqrt(v + zeta)
//   for T steps: eta = 1/sqrt(T), 1-beta2 = min(2/sqrt(T), 1/2), beta1 and zeta constant; no bias correction
// The claim: where smoothness grows with the gradient and the noise with its square, the mean of ||grad f(w_t)|| over T steps falls
// like T^(-1/4) or faster; SGD with the same eta diverges.
//   f = sum_i cosh(w_i) + sin(3 w_i)/2, d = 10, from w_i = 4;  g_i = grad_i*(1 + 2*N) + N', N and N' standard normal: D0 = 1, D1 = 4
// Departures: the law eta, 1-beta2 ~ 1/sqrt(T) and its constants are ours, read from the rates. The paper has no experiments.
// Tried before: SGD beyond 10^6 in every walk. At T = 16,000 (eta 0.008) walks stay that do not leave, at their first norm of 90.
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "core/rng.h"

namespace gradus::paper_entries {
namespace {

constexpr double kExploded = 1e12;  // norms beyond it end a walk

struct AffineWalk {
  double mean = 0, largest = 0;  // of ||grad f||
};

AffineWalk affine_walk(const std::string& optim, Rng rng, int64 steps) {
  constexpr size_t kDimension = 10;
  double square = 0;
  const Landscape f{[&](std::span<const double> w, std::span<double> g) {
    double sum = 0;
    square = 0;
    for (size_t i = 0; i < w.size(); ++i) {
      const double slope = std::sinh(w[i]) + 1.5 * std::cos(3 * w[i]);
      sum += std::cosh(w[i]) + std::sin(3 * w[i]) / 2;
      square += slope * slope;
      g[i] = slope * (1 + 2 * rng.normal()) + rng.normal();
    }
    return sum;
  }};
  Walk walk(optim, std::vector<double>(kDimension, 4));
  AffineWalk result;
  for (int64 t = 0; t < steps; ++t) {
    for (const double w : walk.point())
      if (std::abs(w) > std::asinh(kExploded)) return {kExploded, kExploded};
    walk.step(f);
    const double norm = std::sqrt(square);
    result.mean += norm / static_cast<double>(steps);
    result.largest = std::max(result.largest, norm);
  }
  return result;
}

Outcome affine_rates(const Trial& trial) {
  const std::vector<int64> horizons =
      trial.quick ? std::vector<int64>{20, 40} : std::vector<int64>{250, 1000, 4000, 16000};
  const int64 walks = trial.quick ? 2 : 10;
  Outcome outcome;
  Curve& curve = outcome.curves["gradient_norm"];
  curve.x_label = "steps";
  double least = kExploded;  // over the horizons, of the mean over walks
  for (const int64 steps : horizons) {
    const double root = std::sqrt(static_cast<double>(steps));
    std::string optim = fmt::format("{},lr={}", trial.word("optim"), 1 / root);
    if (trial.word("beta2") == "by-law") optim += fmt::format(",beta2={}", 1 - std::min(2 / root, 0.5));
    double mean = 0, largest = 0;
    for (int64 k = 0; k < walks; ++k) {
      trial.checkpoint(static_cast<double>(k) / static_cast<double>(walks));
      const Rng rng =
          Rng(static_cast<std::uint64_t>(trial.seed)).fork("noise").fork(static_cast<std::uint64_t>(k));
      const AffineWalk walk = affine_walk(optim, rng.fork(static_cast<std::uint64_t>(steps)), steps);
      mean += walk.mean / static_cast<double>(walks);
      largest += walk.largest / static_cast<double>(walks);
    }
    least = std::min(least, largest);
    curve.x.push_back(static_cast<double>(steps));
    curve.y.push_back(mean);
  }
  outcome.metrics = {{"gradient_norm_error", curve.y.back()}, {"largest_norm", least}};
  return outcome;
}

void affine_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const char* optim, const char* beta2) {
    e.arm(name).run(affine_rates, {{"optim", optim}, {"beta2", beta2}});
  };
  arm("rmsprop", "rmsprop:eps_inside_root=true,eps=1e-8", "by-law");
  arm("adam", "adam:eps_inside_root=true,eps=1e-8,bias_correction=false,beta1=0.9", "by-law");
  arm("sgd", "sgd:momentum=0", "none");
  e.seeds(5);
  e.claim("RMSProp's mean gradient norm falls like T^(-1/4) or faster",
          rate_at_most("rmsprop", "gradient_norm", -0.25));
  e.claim("so does Adam's", rate_at_most("adam", "gradient_norm", -0.25));
  e.claim("SGD's largest gradient exceeds 10^6, in the mean over walks, at every T",
          at_least("sgd", "largest_norm", 1e6));
}

}  // namespace

Paper rmsprop_adam_affine() {
  return {.slug = "rmsprop-adam-affine",
          .family = "stepsize",
          .title =
              "Convergence Guarantees for RMSProp and Adam in Generalized-smooth Non-convex Optimization "
              "with Affine Noise Variance",
          .authors = "Zhang, Zhou, Zou",
          .venue = "TMLR",
          .year = 2025,
          .arxiv = "2404.01436",
          .idea =
              "Adaptive denominators tame losses whose curvature grows with the gradient and noise that "
              "grows with its square. "
              "Claimed: mean gradient norms of order T^(-1/4) for RMSProp and Adam, the best rate there is.",
          .equations =
              "v = beta2*v + (1-beta2)*g^2\n"
              "RMSProp: w = w - eta*g/sqrt(v + zeta)\n"
              "Adam: m = beta1*m + (1-beta1)*g,  w = w - eta*m/sqrt(v + zeta)\n"
              "eta = 1/sqrt(T),  1-beta2 = min(2/sqrt(T), 1/2)",
          .files = {"optim/rules/rmsprop.cpp", "optim/rules/adam.cpp", "optim/rules/adam_forms.cpp"},
          .use = "gradus train --optim rmsprop:eps_inside_root=true",
          .experiment = affine_experiment,
          .minutes = 1};
}

}  // namespace gradus::paper_entries
