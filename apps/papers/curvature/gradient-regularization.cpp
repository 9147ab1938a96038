// Gradient regularization by finite differences.
// Paper: Karakida, Takase, Hayase, Osawa, "Understanding Gradient Regularization in Deep Learning: Efficient Finite-Difference
//        Computation and Implicit Bias", ICML 2023.
//   the gradient of L + gamma/2*||grad L||^2 is g + gamma*dR, g = grad L(w)
//   forward: dR = (grad L(w + eps*g) - g)/eps      backward: dR = (g - grad L(w - eps*g))/eps      double backprop: dR = H g
// The claim, in the paper's solvable model: the penalty moves a diagonal linear network towards sparse solutions, as if it had
// started from smaller weights, and the forward difference the more, the longer it is; backward differences do less than double
// backprop.
//   beta = u*u - v*v,  L_i = (x_i'beta - y_i)^2/4,  u = v = 0.1 at the start: "as if" is the mean of sqrt(|u_i v_i|), 0.1 for gradient flow
//   x_i of 100 normal numbers, 40 of them; y_i the sum of the first 5; one example a step, lr 1e-3, 15,000 steps, gamma 0.05
// Departures: the paper's figures of networks on CIFAR are left out; "test error" is ||beta - beta*||^2, its expectation.
#include <cmath>
#include <numeric>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "core/rng.h"

namespace gradus::paper_entries {
namespace {

constexpr size_t kSparseInputs = 100, kSparseSupport = 5;

// The loss of one example in w = (u, v).
Landscape sparse_example(const std::vector<double>& x, double y) {
  const auto residual = [&x, y](std::span<const double> w) {
    double r = -y;
    for (size_t j = 0; j < x.size(); ++j) r += x[j] * (w[j] * w[j] - w[x.size() + j] * w[x.size() + j]);
    return r;
  };
  const auto value = [&x, residual](std::span<const double> w, std::span<double> g) {
    const double r = residual(w);
    for (size_t j = 0; j < x.size(); ++j) {
      g[j] = r * x[j] * w[j];
      g[x.size() + j] = -r * x[j] * w[x.size() + j];
    }
    return r * r / 4;
  };
  const auto times = [&x, residual](std::span<const double> w, std::span<const double> d,
                                    std::span<double> product) {
    const double r = residual(w);
    double change = 0;
    for (size_t j = 0; j < x.size(); ++j)
      change += 2 * x[j] * (w[j] * d[j] - w[x.size() + j] * d[x.size() + j]);
    for (size_t j = 0; j < x.size(); ++j) {
      product[j] = x[j] * (change * w[j] + r * d[j]);
      product[x.size() + j] = -x[j] * (change * w[x.size() + j] + r * d[x.size() + j]);
    }
  };
  return {value, times};
}

Outcome sparse_regression(const Trial& trial) {
  const int64 examples = 40, steps = trial.quick ? 50 : 15000;
  const Rng seed(static_cast<std::uint64_t>(trial.seed));
  Rng draw = seed.fork("inputs"), order = seed.fork("order");
  std::vector<std::vector<double>> x;
  std::vector<double> y;
  for (int64 i = 0; i < examples; ++i) {
    std::vector<double> row;
    for (size_t j = 0; j < kSparseInputs; ++j) row.push_back(draw.normal());
    y.push_back(std::accumulate(row.begin(), row.begin() + kSparseSupport, 0.0));
    x.push_back(std::move(row));
  }
  Walk walk(trial.word("optim"), std::vector<double>(2 * kSparseInputs, 0.1));
  for (int64 t = 0; t < steps; ++t) {
    if (t % 1000 == 0) trial.checkpoint(static_cast<double>(t) / static_cast<double>(steps));
    const auto i = static_cast<size_t>(order.below(examples));
    walk.step(sparse_example(x[i], y[i]));
  }
  const std::vector<double> w = walk.point();
  double error = 0, start = 0;
  for (size_t j = 0; j < kSparseInputs; ++j) {
    const double u = w[j], v = w[kSparseInputs + j], miss = u * u - v * v - (j < kSparseSupport ? 1 : 0);
    error += miss * miss;
    start += std::sqrt(std::abs(u * v)) / static_cast<double>(kSparseInputs);
  }
  Outcome outcome;
  outcome.metrics = {{"test_error", error}, {"effective_start_error", start}};
  return outcome;
}

void gradient_regularization_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const std::string& optim) {
    e.arm(name).run(sparse_regression, {{"optim", optim}});
  };
  const auto penalised = [&](const char* name, const char* options) {
    arm(name, fmt::format("gradient-regularization(sgd:lr=1e-3):gamma=0.05,{}", options));
  };
  arm("sgd", "sgd:lr=1e-3");
  penalised("backward", "mode=backward,eps=0.02");
  penalised("double-backprop", "mode=double-backprop");
  penalised("forward", "mode=forward,eps=0.02");
  penalised("forward-long", "mode=forward,eps=0.05");
  e.seeds(12);
  const char* const order[] = {"forward-long", "forward", "double-backprop", "backward", "sgd"};
  for (int i = 0; i < 4; ++i) {
    e.claim(fmt::format("{} ends as from a smaller start than {}", order[i], order[i + 1]),
            ratio_at_most(order[i], order[i + 1], "effective_start_error", 1));
    e.claim(fmt::format("{} has the smaller test error than {}", order[i], order[i + 1]),
            ratio_at_most(order[i], order[i + 1], "test_error", 1));
  }
}

}  // namespace

Paper gradient_regularization() {
  return {.slug = "gradient-regularization",
          .family = "curvature",
          .title =
              "Understanding Gradient Regularization in Deep Learning: Efficient Finite-Difference "
              "Computation and Implicit Bias",
          .authors = "Karakida, Takase, Hayase et al.",
          .venue = "ICML",
          .year = 2023,
          .arxiv = "",
          .idea =
              "The penalty gamma/2*||grad L||^2 needs a Hessian product, or a difference of gradients after "
              "an ascent step. Claimed: "
              "the difference costs less and generalises better, for it strengthens the bias to sparse "
              "solutions.",
          .equations =
              "forward: dR = (grad L(w + eps*g) - g)/eps\n"
              "backward: dR = (g - grad L(w - eps*g))/eps\n"
              "double backprop: dR = H g\n"
              "G = g + gamma*dR",
          .files = {"optim/wrappers/gradient_regularization.cpp"},
          .use = "gradus train --optim 'gradient-regularization(sgd:lr=0.1):gamma=0.05'",
          .experiment = gradient_regularization_experiment,
          .minutes = 1};
}

}  // namespace gradus::paper_entries
