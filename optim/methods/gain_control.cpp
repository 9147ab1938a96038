#include "optim/methods/gain_control.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

// I - G W.
Tensor feedback_matrix(const Tensor& W, const Tensor& g) {
  Tensor a(W.shape());
  const int64 n = W.dim(0);
  for (int64 i = 0; i < n * n; ++i)
    a.mutable_data()[i] = (i % (n + 1) == 0 ? real(1) : real(0)) - g.data()[i / n] * W.data()[i];
  return a;
}

void check_weights(const char* what, const GainProblem& problem) {
  if (!(problem.weights.shape() == Shape{problem.drive.dim(0)}))
    fail<ShapeError>("{}: drive {}, weights {}", what, problem.drive.shape().str(),
                     problem.weights.shape().str());
}

double entry_of(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

}  // namespace

CircuitState circuit_steady_state(const Tensor& W, const Tensor& drive, const Tensor& g) {
  if (drive.rank() != 2 || !(W.shape() == Shape{drive.dim(1), drive.dim(1)}) ||
      !(g.shape() == Shape{drive.dim(1)}))
    fail<ShapeError>("circuit_steady_state: W {}, drive {}, g {}", W.shape().str(), drive.shape().str(),
                     g.shape().str());
  Tensor scaled = drive.clone();
  for (int64 i = 0; i < drive.numel(); ++i) scaled.mutable_data()[i] *= g.data()[i % g.numel()];
  CircuitState state;
  state.r = linalg::transpose(linalg::solve(feedback_matrix(W, g), linalg::transpose(scaled)));
  state.u = drive.clone();
  linalg::matmul_into(state.u, 1, 1, state.r, W, false, true);
  return state;
}

GainObjective gain_objective(const GainProblem& problem, const Tensor& g,
                             const GainObjectiveOptions& options) {
  const auto& [W, drive, weights] = problem;
  const CircuitState state = circuit_steady_state(W, drive, g);
  check_weights("gain_objective", problem);
  const int64 stimuli = drive.dim(0), n = drive.dim(1);
  Tensor D = linalg::identity(n);
  for (int64 i = 0; i < n * n; ++i) D.mutable_data()[i] -= W.data()[i];
  Tensor rest = drive.clone();  // D r - f, (S,N)
  linalg::matmul_into(rest, -1, 1, state.r, D, false, true);
  GainObjective result;
  for (int64 i = 0; i < rest.numel(); ++i)
    result.loss += entry_of(weights, i / n) * (entry_of(rest, i) * entry_of(rest, i) +
                                               options.alpha * entry_of(state.r, i) * entry_of(state.r, i));
  Tensor right = state.r.clone();  // D'(D r - f) + alpha r
  linalg::matmul_into(right, options.alpha, 1, rest, D);
  const Tensor lam =
      linalg::solve(linalg::transpose(feedback_matrix(W, g)), linalg::transpose(right));  // (N,S)
  result.grad_g = Tensor({n});
  for (int64 i = 0; i < n; ++i) {
    const double away = entry_of(g, i) - 1;
    double slope = 2 * options.gamma * away;
    for (int64 s = 0; s < stimuli; ++s)
      slope += 2 * entry_of(weights, s) * entry_of(lam, i * stimuli + s) * entry_of(state.u, s * n + i);
    result.loss += options.gamma * away * away;
    result.grad_g.mutable_data()[i] = static_cast<real>(slope);
  }
  return result;
}

DescendedGains descend_gains(const GainProblem& problem, const Tensor& g, const GainDescentOptions& options) {
  DescendedGains result{g.clone(), {}};
  for (int64 t = 0; t < options.steps; ++t) {
    const GainObjective here = gain_objective(problem, result.g, options);
    result.losses.push_back(here.loss);
    for (int64 i = 0; i < g.numel(); ++i)
      result.g.mutable_data()[i] =
          static_cast<real>(std::max(entry_of(result.g, i) - options.lr * entry_of(here.grad_g, i), 0.0));
  }
  result.losses.push_back(gain_objective(problem, result.g, options).loss);
  return result;
}

LocalGains local_gains(const GainProblem& problem, const Tensor& g, const LocalGainOptions& options) {
  LocalGains result{g.clone(), Tensor::zeros(g.shape())};
  const int64 n = g.numel();
  for (int64 t = 0; t < options.steps; ++t) {
    const Tensor u = circuit_steady_state(problem.W, problem.drive, result.g).u;
    check_weights("local_gains", problem);
    for (int64 i = 0; i < n; ++i) {
      double m = 0;
      for (int64 s = 0; s < u.dim(0); ++s)
        m += entry_of(problem.weights, s) * entry_of(u, s * n + i) * entry_of(u, s * n + i);
      const double below = options.gamma + (1 + options.alpha) * m;
      const double wanted = below > 0 ? (options.gamma + m) / below : 1;
      result.input_power.mutable_data()[i] = static_cast<real>(m);
      result.g.mutable_data()[i] =
          static_cast<real>((1 - options.damping) * entry_of(result.g, i) + options.damping * wanted);
    }
  }
  return result;
}

OrientationTuning orientation_tuning(const Tensor& responses, const Tensor& stimuli) {
  if (responses.rank() != 2 || !(stimuli.shape() == Shape{responses.dim(0)}))
    fail<ShapeError>("orientation_tuning: responses {}, stimuli {}", responses.shape().str(),
                     stimuli.shape().str());
  const int64 n = responses.dim(1);
  OrientationTuning tuning{Tensor({n}), Tensor({n}), Tensor({n})};
  for (int64 i = 0; i < n; ++i) {
    std::complex<double> z = 0;
    double total = 0, peak = 0;
    for (int64 s = 0; s < responses.dim(0); ++s) {
      const double q = std::max(entry_of(responses, s * n + i), 0.0);
      z += q * std::polar(1.0, entry_of(stimuli, s) * std::numbers::pi / 90);
      total += q;
      peak = std::max(peak, q);
    }
    double preferred = std::arg(z) * 90 / std::numbers::pi;
    if (preferred < 0) preferred += 180;
    if (preferred >= 180) preferred -= 180;
    tuning.preferred.mutable_data()[i] = static_cast<real>(total > 0 ? preferred : 0);
    tuning.peak.mutable_data()[i] = static_cast<real>(peak);
    tuning.selectivity.mutable_data()[i] = static_cast<real>(total > 0 ? std::abs(z) / total : 0);
  }
  return tuning;
}

}  // namespace gradus
