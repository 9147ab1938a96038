// Helpers of the optimizer tests: small problems fed by hand.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "optim/registry.h"
#include "tests/precision.h"

namespace gradus::testing {

using Values = std::vector<double>;

using tests::kDouble;

inline Tensor tensor(const Shape& shape, const Values& values) {
  return Tensor::from(shape, std::vector<real>(values.begin(), values.end()));
}
inline Values values_of(const Tensor& t) { return Values(t.data(), t.data() + t.numel()); }
inline double inner(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
/// Gradients of n numbers from N(0, 1), one a step.
inline std::vector<Values> gaussian_steps(int steps, int64 n, std::uint64_t seed = 5) {
  std::vector<Values> out;
  for (int t = 0; t < steps; ++t)
    out.push_back(values_of(Rng(seed).fork(static_cast<std::uint64_t>(t)).normal_tensor({n})));
  return out;
}

/// One parameter "w" under an optimizer, its gradients given step by step.
struct Probe {
  Probe(const std::string& spec, const Shape& shape, const Values& start)
      : p(make_parameter("w", shape.rank() >= 2 ? ParamKind::kWeight : ParamKind::kBias,
                         tensor(shape, start))),
        optimizer(make_optimizer(spec, {p})) {}
  Probe(const std::string& spec, const Values& start)
      : Probe(spec, {static_cast<int64>(start.size())}, start) {}

  Values step(const Values& gradient, double lr_scale = 1) {
    p->grad = tensor(p->value.shape(), gradient);
    optimizer->step(lr_scale, 1.0);
    return values_of(p->value);
  }

  ParameterPtr p;
  OptimizerPtr optimizer;
};

/// The cards' probe: w0 = (1, -2, 0.5) under g1 .. g3, whatever w is.
inline const Values kW0{1, -2, 0.5};
inline const std::vector<Values> kG{{0.1, -0.3, 0.02}, {-0.2, 0.1, 0.05}, {0.3, 0.2, -0.01}};
/// And in two dimensions.
inline const Values kM0{.1, .2, .3, .4, .5, .6};
inline const std::vector<Values> kGM{{.1, -.2, .3, -.4, .5, -.6}, {.2, .1, -.1, .3, -.3, .1}};

/// The weights after each step of a run.
inline std::vector<Values> run(const std::string& spec, const std::vector<Values>& gradients = kG,
                               const Values& start = kW0, const Shape& shape = {3}) {
  Probe probe(spec, shape, start);
  std::vector<Values> out;
  for (const Values& g : gradients) out.push_back(probe.step(g));
  return out;
}
inline std::vector<Values> run_matrix(const std::string& spec, const std::vector<Values>& gradients = kGM,
                                      const Values& start = kM0, const Shape& shape = {2, 3}) {
  return run(spec, gradients, start, shape);
}

/// Moves of step `step` (0, 1, ...) from the weights before it.
inline Values moves(const std::vector<Values>& w, size_t step, const Values& start = kW0) {
  Values d = w[step];
  for (size_t i = 0; i < d.size(); ++i) d[i] -= step ? w[step - 1][i] : start[i];
  return d;
}

/// Largest |a-b|.
inline double distance(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    if (!(d <= largest)) largest = d;
  }
  return largest;
}
/// Tolerance of the printed ten digits in float64, of rounding in float32.
inline double tolerance(double in_double = 1e-9, double in_float = 2e-6) {
  return kDouble ? in_double : in_float;
}
inline bool near(const Values& a, const Values& b, double in_double = 1e-9, double in_float = 2e-6) {
  return distance(a, b) <= tolerance(in_double, in_float);
}
inline bool near(double a, double b, double in_double = 1e-9, double in_float = 2e-6) {
  return std::abs(a - b) <= tolerance(in_double, in_float);
}
/// The same weights at every step.
inline void check_same(const std::vector<Values>& a, const std::vector<Values>& b, double in_double = 1e-12,
                       double in_float = 1e-6) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(near(a[i], b[i], in_double, in_float));
}
/// n times the same gradient.
inline std::vector<Values> constant(const Values& g, int n) {
  return std::vector<Values>(static_cast<size_t>(n), g);
}
inline std::vector<Values> scaled(std::vector<Values> gs, double c) {
  for (Values& g : gs)
    for (double& x : g) x *= c;
  return gs;
}

}  // namespace gradus::testing
