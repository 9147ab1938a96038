// Hutchinson, Lanczos and Gauss-Newton against known matrices and the explicit Hessian of a small network.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/functional/functional.h"
#include "autograd/functional/hutchinson.h"
#include "autograd/functional/lanczos.h"
#include "autograd/functional/power_iteration.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/linalg.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace {

// diag(d) on two tensors.
struct Diagonal {
  Tensors d;
  Tensors operator()(std::span<const Tensor> v) const { return {d[0] * v[0], d[1] * v[1]}; }
};
Diagonal ten_values() {
  return {{Tensor::from({2, 3}, {5, -1, 2, 7, real(0.5), 3}), Tensor::from({4}, {1, 4, -2, 6})}};
}

// 7-12-8: 84 + 12 + 96 + 8 = 200 parameters.
struct Network {
  Tensor x;
  IntTensor labels;
  Tensors params;
  Network() {
    Rng rng(21);
    x = rng.normal_tensor({16, 7});
    labels = IntTensor({16});
    for (int64 i = 0; i < 16; ++i) labels.mutable_data()[i] = rng.below(8);
    params = {rng.normal_tensor({12, 7}, 0, real(0.5)), rng.normal_tensor({12}, 0, real(0.5)),
              rng.normal_tensor({8, 12}, 0, real(0.5)), rng.normal_tensor({8}, 0, real(0.5))};
  }
  Tensor outputs(std::span<const Tensor> p) const { return linear(tanh(linear(x, p[0], p[1])), p[2], p[3]); }
  Tensor loss(std::span<const Tensor> p) const { return cross_entropy(outputs(p), labels); }
  LinearOperator hessian_operator() const {
    return [this](std::span<const Tensor> v) {
      return hvp([this](std::span<const Tensor> p) { return loss(p); }, params, v).products;
    };
  }
};

}  // namespace

TEST_CASE("functional: Hutchinson is exact on a diagonal operator, whatever the probe") {
  const Diagonal a = ten_values();
  Rng rng(1);
  const Tensors d = hutchinson_diagonal(a, a.d, 1, rng);
  CHECK(d[0].values() == a.d[0].values());
  CHECK(d[1].values() == a.d[1].values());
  const TraceEstimate t = hutchinson_trace(a, a.d, 3, rng);
  CHECK(t.mean == doctest::Approx(25.5));
  CHECK(t.standard_error == doctest::Approx(0));
  CHECK_THROWS_AS(hutchinson_trace(a, a.d, 0, rng), UsageError);
  CHECK_THROWS_AS(hutchinson_diagonal(a, a.d, 0, rng), UsageError);
}

TEST_CASE("functional: Hutchinson probes have both signs and the estimate is unbiased") {
  // One fixed sign would give the row sums instead of the diagonal.
  const Tensor m = Tensor::from({3, 3}, {2, 1, -1, 1, 3, real(0.5), -1, real(0.5), 5});
  const LinearOperator a = [&](std::span<const Tensor> v) {
    return Tensors{linear(v[0].view({1, 3}), m).view({3})};
  };
  const Tensors like{Tensor::zeros({3})};
  Rng rng(5);
  const Tensors d = hutchinson_diagonal(a, like, 4000, rng);
  for (int64 i = 0; i < 3; ++i) CHECK(std::abs(d[0].at({i}) - m.at({i, i})) < 0.1);
  const TraceEstimate t = hutchinson_trace(a, like, 4000, rng);
  CHECK(std::abs(t.mean - 10) < 5 * t.standard_error);
  // variance of one probe: 2 * 2 * (1 + 1 + 0.25) = 9
  CHECK(t.standard_error == doctest::Approx(std::sqrt(9.0 / 4000)).epsilon(0.1));
}

TEST_CASE("functional: Lanczos finds a known spectrum and its vectors") {
  const Diagonal a = ten_values();
  Rng rng(2);
  const EigenPairs top = top_eigenvalues(a, a.d, 3, rng, {.max_steps = 10, .tolerance = 1e-12});
  const double tolerance = kDouble ? 1e-10 : 1e-4;
  REQUIRE(top.values.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(std::abs(top.values[static_cast<size_t>(i)] - (7 - i)) < tolerance);
  CHECK(std::abs(std::abs(top.vectors[0][0].at({1, 0})) - 1) < tolerance);  // 7 sits at (1,0)
  CHECK(std::abs(std::abs(top.vectors[1][1].at({3})) - 1) < tolerance);     // 6 at (3)
  CHECK(top.residuals[0] < tolerance);
  CHECK_THROWS_AS(top_eigenvalues(a, a.d, 0, rng), UsageError);
  const Tensors zero{Tensor::zeros({2, 3}), Tensor::zeros({4})};
  CHECK_THROWS_AS(lanczos(a, zero, 3), NumericError);

  // A start within an invariant subspace ends early: two distinct eigenvalues, two steps.
  const Tensors two{Tensor::from({2, 3}, {1, 1, 0, 0, 0, 0}), Tensor::zeros({4})};
  const Tridiagonal t = lanczos(a, two, 8);
  CHECK(t.alpha.size() == 2);
  CHECK(t.alpha[0] == doctest::Approx(2));
  CHECK(t.beta[0] == doctest::Approx(3));
}

TEST_CASE("functional: the quadrature's measure has the operator's moments") {
  const Diagonal a = ten_values();
  Rng rng(3);
  const SpectralDensity density = spectral_density(a, a.d, 2, 10, rng);
  // Rademacher starts weigh the coordinates of a diagonal matrix equally, so the moments are exact.
  double first = 0, second = 0;
  for (const Tensor& t : a.d)
    for (const real v : t.span()) first += double(v) / 10, second += double(v) * double(v) / 10;
  CHECK(density.moment(0) == doctest::Approx(1).epsilon(1e-5));
  CHECK(density.moment(1) == doctest::Approx(first).epsilon(1e-5));
  CHECK(density.moment(2) == doctest::Approx(second).epsilon(1e-5));
  double mass = 0;
  for (double x = -10; x < 15; x += 0.05) mass += 0.05 * density.at(x, 0.5);
  CHECK(mass == doctest::Approx(1).epsilon(1e-3));
  CHECK(density.at(20, 0.5) < 1e-12);
}

TEST_CASE("functional: Hutchinson, Lanczos and Gauss-Newton agree with the Hessian of 200 parameters") {
  const Network net;
  REQUIRE(total_size(net.params) == 200);
  const Tensor h = hessian([&](std::span<const Tensor> p) { return net.loss(p); }, net.params);
  const linalg::Eigen eigen = linalg::eigh(h);
  const LinearOperator product = net.hessian_operator();
  double trace = 0, off_diagonal = 0, asymmetry = 0;
  for (int64 i = 0; i < 200; ++i)
    for (int64 j = 0; j < 200; ++j) {
      const double v = static_cast<double>(h.data()[i * 200 + j]);
      (i == j ? trace : off_diagonal) += i == j ? v : v * v;
      asymmetry = std::max(asymmetry, std::abs(v - static_cast<double>(h.data()[j * 200 + i])));
    }
  CHECK(asymmetry < (kDouble ? 1e-14 : 1e-6));

  Rng rng(8);
  const EigenPairs top = top_eigenvalues(product, net.params, 5, rng, {.max_steps = 80, .tolerance = 1e-7});
  for (int64 i = 0; i < 5; ++i)
    CHECK(top.values[static_cast<size_t>(i)] ==
          doctest::Approx(double(eigen.values.at({199 - i}))).epsilon(kDouble ? 1e-8 : 1e-4));

  const TraceEstimate estimate = hutchinson_trace(product, net.params, 200, rng);
  const double deviation = std::sqrt(2 * off_diagonal / 200);  // of the mean, from the explicit Hessian
  CHECK(std::abs(estimate.mean - trace) < 4 * deviation);
  CHECK(estimate.standard_error == doctest::Approx(deviation).epsilon(0.3));
  const Tensor diagonal = flatten_all(hutchinson_diagonal(product, net.params, 200, rng));
  for (int64 i = 0; i < 200; i += 7) {
    double row = 0;  // variance of element i: sum of squares of its row but the diagonal
    for (int64 j = 0; j < 200; ++j) row += j == i ? 0 : std::pow(double(h.data()[i * 200 + j]), 2);
    CHECK(std::abs(double(diagonal.at({i})) - double(h.data()[i * 200 + i])) <
          5 * std::sqrt(row / 200) + 1e-6);
  }

  const SpectralDensity density = spectral_density(product, net.params, 20, 30, rng);
  CHECK(density.moment(0) == doctest::Approx(1).epsilon(1e-4));
  CHECK(std::abs(density.moment(1) - trace / 200) < 4 * std::sqrt(2 * off_diagonal / 20) / 200);

  // Hessian = Gauss-Newton + sum over outputs of dL/dz_k times the Hessian of z_k.
  const Tensors v = rademacher_like(net.params, rng);
  const Tensors gn = ggn_vp([&](std::span<const Tensor> p) { return net.outputs(p); },
                            [&](const Tensor& z) { return cross_entropy(z, net.labels); }, net.params, v)
                         .products;
  const Tensor z[] = {net.outputs(net.params)};
  const Tensor slope =
      value_and_grad([&](std::span<const Tensor> zs) { return cross_entropy(zs[0], net.labels); }, z)
          .grads[0];
  const Tensors rest =
      hvp([&](std::span<const Tensor> p) { return sum(slope * net.outputs(p)); }, net.params, v).products;
  const Tensor hv = flatten_all(product(v)), parts = flatten_all(gn) + flatten_all(rest);
  for (int64 i = 0; i < 200; ++i)
    CHECK(std::abs(double(hv.at({i}) - parts.at({i}))) < (kDouble ? 1e-13 : 1e-5));
}

TEST_CASE("functional: power iteration by hand, with a shift past a negative eigenvalue; Lanczos agrees") {
  // diag(2, -3): from (1, 1) quotients (2 w^2 - 3 v^2)/(w^2 + v^2).
  const Tensor d = Tensor::from({2}, {2, -3}), ones = Tensor::ones({2});
  const LinearOperator a = [&](std::span<const Tensor> v) { return Tensors{v[0] * d}; };
  const PowerIteration plain = power_iteration(a, {&ones, 1}, 2);
  CHECK(plain.rayleigh[0] == doctest::Approx(-0.5));
  CHECK(plain.rayleigh[1] == doctest::Approx((2 * 4 - 3 * 9) / 13.0));
  CHECK(plain.eigenvalue == doctest::Approx((2 * 16 - 3 * 81) / 97.0));
  CHECK(std::abs(plain.vector[0].at({1})) == doctest::Approx(9 / std::sqrt(97.0)));
  CHECK(power_iteration(a, {&ones, 1}, 60).eigenvalue == doctest::Approx(-3).epsilon(1e-6));
  // Shifted by 4: factors 6 and 1.
  CHECK(power_iteration(a, {&ones, 1}, 60, 4).eigenvalue == doctest::Approx(2).epsilon(1e-6));
  const PowerIteration none = power_iteration(a, {&ones, 1}, 0);
  CHECK(none.rayleigh.empty());
  CHECK(none.eigenvalue == doctest::Approx(-0.5));
  const Tensor zero = Tensor::zeros({2});
  CHECK_THROWS_AS(power_iteration(a, {&zero, 1}, 1), NumericError);
  CHECK_THROWS_AS(power_iteration(a, {&ones, 1}, -1), UsageError);

  const Network net;
  Rng rng(3);
  const Tensors start = rademacher_like(net.params, rng);
  const double top = top_eigenvalues(net.hessian_operator(), net.params, 1, rng).values[0];
  CHECK(power_iteration(net.hessian_operator(), start, 300, 1).eigenvalue ==
        doctest::Approx(top).epsilon(1e-4));
}

TEST_CASE("functional: Hutchinson's trace of a network of 200 parameters is within 1 % of the exact one") {
  const Network net;
  const Tensor h = hessian([&](std::span<const Tensor> p) { return net.loss(p); }, net.params);
  CHECK(h.dim(0) == 200);
  double exact = 0;
  for (int64 i = 0; i < 200; ++i) exact += static_cast<double>(h.at({i, i}));
  Rng rng(17);
  const TraceEstimate trace = hutchinson_trace(net.hessian_operator(), net.params, 4000, rng);
  CHECK(trace.mean == doctest::Approx(exact).epsilon(0.01));
  CHECK(std::abs(trace.mean - exact) < 4 * trace.standard_error);
}
