// Step sizes by batch size: the card's figures, random matrices, Lanczos and the heavy ball.
#include "optim/methods/batch_lr.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "optim/methods/spectral_step.h"

using namespace gradus;

namespace gradus::batch_lr_tests {

constexpr bool kDouble = sizeof(real) == 8;

TEST_CASE("batch lr: edges of a batch's Hessian, continuous where the bulk takes over") {
  CHECK(batch_hessian_edges(2, -2, 1).top == 2.5);
  CHECK(batch_hessian_edges(2, -2, 1).max_lr == 0.8);
  CHECK(batch_hessian_edges(2, -2, 2).top == 4);
  CHECK(batch_hessian_edges(2, -2, 2).max_lr == 0.5);
  CHECK(batch_hessian_edges(2 + 1e-9, -2, 2).top == doctest::Approx(4));
  CHECK(batch_hessian_edges(2, -2, 4).top == 8);
  CHECK(batch_hessian_edges(2, -2, 4).max_lr == 0.25);
  CHECK(batch_hessian_edges(2, -2, 1).bottom == -2.5);
  CHECK(batch_hessian_edges(2, -0.5, 1).bottom == -2);
  CHECK(batch_hessian_edges(2, 0.5, 1).bottom == -2);
  CHECK(batch_hessian_edges(2, 0.5, 0).bottom == 0.5);  // all examples: no noise
  CHECK(batch_hessian_edges(-1, -2, 0).top == -1);
  CHECK(corrected_batch_size(50, 100) == 100);
  CHECK(corrected_batch_size(100, 100) == std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS(corrected_batch_size(0, 100), UsageError);
  CHECK_THROWS_AS(corrected_batch_size(101, 100), UsageError);
}

TEST_CASE("batch lr: a spike over a random matrix moves as predicted") {
  // Symmetric noise of variance 1/n off the diagonal (s = 1), 400 rows, plus 3 e1 e1': 3 + 1/3.
  const int64 n = 400;
  Rng rng(11);
  const Tensor draws = rng.normal_tensor({n, n}, 0, static_cast<real>(1 / std::sqrt(double(n))));
  Tensor a({n, n});
  for (int64 i = 0; i < n; ++i)
    for (int64 j = 0; j < n; ++j)
      a.mutable_data()[i * n + j] = i == j  ? draws.data()[i * n + i] * real(std::sqrt(2.0))
                                    : i < j ? draws.data()[i * n + j]
                                            : draws.data()[j * n + i];
  const auto top = [&] { return double(linalg::eigh(a).values.data()[n - 1]); };
  CHECK(top() == doctest::Approx(batch_hessian_edges(0.5, -1, 1).top).epsilon(0.03));
  a.mutable_data()[0] += 3;
  CHECK(top() == doctest::Approx(batch_hessian_edges(3, -1, 1).top).epsilon(0.03));
  // Gauss-Newton: covariance of 800 rows of 200 numbers, the first of variance 5.
  CHECK(multiplicative_spike(5, 0.25) == doctest::Approx(5 * (1 + 0.25 / 4)));
  CHECK(multiplicative_spike(1.2, 0.25) == 2.25);
  CHECK(multiplicative_spike(1.3, 0.25) == 2.25);
  CHECK(multiplicative_spike(1.5, 0.25) == 2.25);
  CHECK(multiplicative_spike(1.5 + 1e-9, 0.25) == doctest::Approx(2.25));
}

TEST_CASE("batch lr: rules and their limit") {
  BatchLrOptions o{.lr = 0.1, .base_batch_size = 64};
  CHECK(lr_of_batch_size(o, 256) == doctest::Approx(0.4));
  o.top_eigenvalue = 10;
  CHECK(lr_of_batch_size(o, 256) == doctest::Approx(0.2));
  o.rule = "sqrt", o.top_eigenvalue = 0;
  CHECK(lr_of_batch_size(o, 256) == doctest::Approx(0.2));
  CHECK(lr_of_batch_size(o, 16) == doctest::Approx(0.05));
  o.rule = "none";
  CHECK(lr_of_batch_size(o, 256) == 0.1);
}

TEST_CASE("batch lr: the fit finds what eigenvalues were made of") {
  const std::vector<double> b = {16, 64, std::numeric_limits<double>::infinity()};
  const EdgeFit fit = fit_edge(b, std::vector<double>{5 + 32.0 / 16, 5 + 32.0 / 64, 5});
  CHECK(fit.top_full == doctest::Approx(5));
  CHECK(fit.noise == doctest::Approx(160));  // s^2 b: top = l + noise/(l b)
  CHECK(fit.relative_error < 1e-12);
  CHECK(fit_edge(std::vector<double>{1, 2, 4}, std::vector<double>{1, 2, 1}).relative_error > 0.1);
  CHECK_THROWS_AS(fit_edge(std::vector<double>{4, 4}, std::vector<double>{1, 2}), UsageError);
  CHECK_THROWS_AS(fit_edge(std::vector<double>{4}, std::vector<double>{1, 2}), UsageError);
}

TEST_CASE("batch lr: the heavy ball's optimum from Ritz values") {
  const SpectralStep s = spectral_step(std::vector<double>{1, 50, 100}, {});
  CHECK(s.lr == doctest::Approx(0.0330579).epsilon(1e-5));
  CHECK(s.momentum == doctest::Approx(0.669421).epsilon(1e-5));
  const SpectralStep one = spectral_step(std::vector<double>{4}, {});
  CHECK(one.lr == 0.25);
  CHECK(one.momentum == 0);
  // Negative values set the bulk that does not count; none above it: L/1e4.
  CHECK(spectral_step(std::vector<double>{-1, 0.5, 2, 100}, {}).bottom == 2);
  CHECK(spectral_step(std::vector<double>{-1, 0.5, 0.9, 1}, {}).bottom == doctest::Approx(1e-4));
  CHECK(spectral_step(std::vector<double>{0.001, 100}, {}).bottom == doctest::Approx(0.01));
  CHECK(spectral_step(std::vector<double>{0.001, 100}, {}).momentum == 0.95);
  CHECK(spectral_step(std::vector<double>{1, 100}, {.safety = 0.5}).lr ==
        doctest::Approx(0.0330579 / 2).epsilon(1e-5));
  CHECK_THROWS_AS(spectral_step(std::vector<double>{-2, -1}, {}), NumericError);
  CHECK_THROWS_AS(spectral_step(std::vector<double>{}, {}), UsageError);
}

TEST_CASE("batch lr: the heavy ball contracts by 9/11 a step on eigenvalues from 1 to 100") {
  const SpectralStep s = spectral_step(std::vector<double>{1, 100}, {});
  double w[3] = {1, 1, 1}, before[3] = {1, 1, 1};
  const double eigenvalues[3] = {1, 30, 100};
  const auto size = [&] { return std::hypot(w[0], w[1], w[2]); };
  double at100 = 0;
  for (int t = 1; t <= 160; ++t) {
    for (int i = 0; i < 3; ++i) {
      const double next = w[i] - s.lr * eigenvalues[i] * w[i] + s.momentum * (w[i] - before[i]);
      before[i] = w[i], w[i] = next;
    }
    if (t == 100) at100 = size();
  }
  CHECK(std::pow(size() / at100, 1.0 / 60) == doctest::Approx(9.0 / 11).epsilon(0.015));
}

TEST_CASE("batch lr: Lanczos is exact with as many steps as there are eigenvalues") {
  // Three eigenvalues of five: 1, 1, 2, 4, 4 in a random basis.
  Rng rng(2);
  const Tensor q = linalg::qr(rng.normal_tensor({5, 5})).q;
  const double values[] = {1, 1, 2, 4, 4};
  Tensor scaled = q.clone();
  for (int64 i = 0; i < 25; ++i) scaled.mutable_data()[i] *= static_cast<real>(values[i % 5]);
  const Tensor a = linalg::matmul(scaled, q, false, true), start = rng.normal_tensor({5});
  const LinearOperator product = [&](std::span<const Tensor> v) {
    return std::vector<Tensor>{linalg::matmul(a, v[0].view({5, 1})).view({5})};
  };
  const LanczosQuadrature found = lanczos_quadrature(product, {{start}}, 3);
  REQUIRE(found.nodes.size() == 3);
  const double tight = kDouble ? 1e-10 : 2e-5;
  for (size_t i = 0; i < 3; ++i)
    CHECK(found.nodes[i] == doctest::Approx(i == 0 ? 1 : i == 1 ? 2 : 4).epsilon(tight));
  CHECK(std::accumulate(found.weights.begin(), found.weights.end(), 0.0) ==
        doctest::Approx(1).epsilon(tight));
  double moment = 0, rayleigh = 0, square = 0;
  for (size_t i = 0; i < 3; ++i) moment += found.weights[i] * found.nodes[i];
  const Tensor av = linalg::matmul(a, start.view({5, 1}));
  for (int64 i = 0; i < 5; ++i) {
    rayleigh += double(start.data()[i]) * double(av.data()[i]);
    square += double(start.data()[i]) * double(start.data()[i]);
  }
  CHECK(moment == doctest::Approx(rayleigh / square).epsilon(tight));
  // Asked for more it ends by itself.
  CHECK(lanczos_quadrature(product, {{start}}, 5, kDouble ? 7 : 7e5).nodes.size() == 3);
}

}  // namespace gradus::batch_lr_tests
