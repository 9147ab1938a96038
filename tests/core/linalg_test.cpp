#include "core/linalg.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"

using namespace gradus;
using doctest::Approx;

namespace {

constexpr double kTight = sizeof(real) == 8 ? 1e-11 : 2e-5;

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return worst;
}
Tensor diagonal(std::initializer_list<real> values) {
  const auto n = static_cast<int64>(values.size());
  Tensor out = Tensor::zeros({n, n});
  int64 i = 0;
  for (real value : values) out.mutable_data()[i * n + i] = value, ++i;
  return out;
}
Tensor random_positive(Rng& rng, int64 n) {
  const Tensor a = rng.normal_tensor({n, 2 * n});
  return linalg::matmul(a, a, false, true);
}

}  // namespace

TEST_CASE("linalg matmul and transpose") {
  const Tensor a = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(linalg::transpose(a).values() == std::vector<real>{1, 4, 2, 5, 3, 6});
  CHECK(linalg::matmul(a, a, false, true).values() == std::vector<real>{14, 32, 32, 77});
  CHECK(linalg::matmul(a, a, true, false).values() == std::vector<real>{17, 22, 27, 22, 29, 36, 27, 36, 45});
  Tensor c = Tensor::ones({2, 2});
  linalg::matmul_into(c, 10, 2, a, a, false, true);
  CHECK(c.values() == std::vector<real>{38, 74, 74, 164});
  CHECK_THROWS_WITH_AS(linalg::matmul(a, a), doctest::Contains("(2, 3) times (2, 3)"), ShapeError);
  CHECK_THROWS_AS(linalg::matmul(a, Tensor::ones({3})), ShapeError);
}

TEST_CASE("eigh: values ascend, vectors are columns, also beyond the order solved in single precision") {
  const auto two = linalg::eigh(Tensor::from({2, 2}, {2, 1, 1, 2}));
  CHECK(two.values.data()[0] == Approx(1));
  CHECK(two.values.data()[1] == Approx(3));
  CHECK(std::abs(two.vectors.at({0, 1})) == Approx(std::sqrt(0.5)));
  CHECK(two.vectors.at({0, 1}) == Approx(static_cast<double>(two.vectors.at({1, 1}))));
  Rng rng(3);
  for (int64 n : {int64{7}, linalg::kWideBelow + 4}) {
    const Tensor a = random_positive(rng, n);
    const auto e = linalg::eigh(a);
    const double scale = static_cast<double>(e.values.data()[n - 1]);
    CHECK(distance(linalg::spectral_function(e, [](double x) { return x; }), a) < 10 * kTight * scale);
    CHECK(distance(linalg::matmul(e.vectors, e.vectors, true), linalg::identity(n)) < 10 * kTight);
  }
  CHECK_THROWS_AS(linalg::eigh(Tensor::ones({2, 3})), ShapeError);
  CHECK_THROWS_WITH_AS(linalg::eigh(Tensor::full({2, 2}, NAN)), doctest::Contains("eigh"), NumericError);
}

TEST_CASE("inverse roots: powers of a diagonal, and the floor on small eigenvalues") {
  CHECK(distance(linalg::inverse_root(diagonal({16, 81}), 4, 0), diagonal({real(0.5), real(1.0 / 3)})) <
        kTight);
  CHECK(distance(linalg::inverse_root(diagonal({0, 100}), 2, 1e-2), diagonal({1, real(0.1)})) < kTight);
  CHECK_THROWS_AS(linalg::inverse_root(Tensor::zeros({2, 2}), 2, 1e-2), NumericError);
  Rng rng(4);
  const Tensor a = random_positive(rng, 6), root = linalg::inverse_root(a, 2, 0);
  CHECK(distance(linalg::matmul(linalg::matmul(root, a), root), linalg::identity(6)) < 100 * kTight);
}

TEST_CASE("svd, polar factor and spectral norm of tall and wide matrices") {
  Rng rng(5);
  for (const Shape& shape : {Shape{6, 4}, Shape{4, 6}}) {
    const Tensor a = rng.normal_tensor(shape);
    const auto f = linalg::svd(a);
    Tensor us = f.u.clone();
    for (int64 i = 0; i < us.numel(); ++i) us.mutable_data()[i] *= f.s.data()[i % 4];
    CHECK(distance(linalg::matmul(us, f.vt), a) < 10 * kTight);
    CHECK(f.s.data()[0] >= f.s.data()[3]);
    CHECK(linalg::spectral_norm(a) == Approx(static_cast<double>(f.s.data()[0])));
    const Tensor o = linalg::polar_factor(a);
    const bool tall = shape[0] > shape[1];
    CHECK(distance(linalg::matmul(o, o, tall, !tall), linalg::identity(4)) < 10 * kTight);
  }
  const Tensor flat = Tensor::from({2, 2}, {3, 0, 0, 0});
  CHECK(linalg::polar_factor(flat).values() == std::vector<real>{1, 0, 0, 0});
}

TEST_CASE("qr, cholesky and solves against their products") {
  Rng rng(6);
  const Tensor a = rng.normal_tensor({5, 3});
  const auto f = linalg::qr(a);
  CHECK(distance(linalg::matmul(f.q, f.r), a) < 10 * kTight);
  CHECK(distance(linalg::matmul(f.q, f.q, true), linalg::identity(3)) < 10 * kTight);
  CHECK(f.r.at({2, 0}) == 0);
  CHECK_THROWS_AS(linalg::qr(Tensor::ones({2, 3})), ShapeError);

  const Tensor l = linalg::cholesky(Tensor::from({2, 2}, {4, 2, 2, 5}));
  CHECK(distance(l, Tensor::from({2, 2}, {2, 0, 1, 2})) < kTight);
  CHECK_THROWS_WITH_AS(linalg::cholesky(diagonal({1, -1})), doctest::Contains("not positive definite"),
                       NumericError);

  const Tensor p = random_positive(rng, 4), b = rng.normal_tensor({4, 2});
  CHECK(distance(linalg::matmul(p, linalg::solve_positive(p, b)), b) < 100 * kTight);
  const Tensor g = rng.normal_tensor({4, 4});
  CHECK(distance(linalg::matmul(g, linalg::solve(g, b)), b) < 100 * kTight);
  CHECK(distance(linalg::solve(diagonal({2, 4}), Tensor::from({2}, {1, 1})),
                 Tensor::from({2}, {real(0.5), real(0.25)})) < kTight);
  CHECK_THROWS_WITH_AS(linalg::solve(Tensor::ones({2, 2}), Tensor::ones({2})), doctest::Contains("singular"),
                       NumericError);
  CHECK_THROWS_AS(linalg::solve(g, Tensor::ones({3})), ShapeError);
}

TEST_CASE("triangular solves: every side, triangle and transposition") {
  Rng rng(7);
  for (bool upper : {false, true})
    for (bool transposed : {false, true})
      for (bool right : {false, true}) {
        Tensor t = rng.normal_tensor({3, 3});
        for (int64 i = 0; i < 3; ++i)
          for (int64 j = 0; j < 3; ++j)
            if (i == j) {
              t.mutable_data()[i * 3 + j] += 3;
            } else if (upper != (j > i)) {
              t.mutable_data()[i * 3 + j] = 0;
            }
        const Tensor b = right ? rng.normal_tensor({2, 3}) : rng.normal_tensor({3, 2});
        const Tensor x = linalg::solve_triangular(t, b, {upper, transposed, right});
        const Tensor back =
            right ? linalg::matmul(x, t, false, transposed) : linalg::matmul(t, x, transposed);
        CHECK(distance(back, b) < 100 * kTight);
      }
  CHECK_THROWS_AS(linalg::solve_triangular(diagonal({1, 0}), Tensor::ones({2, 1}), {}), NumericError);
}

TEST_CASE("pseudo-inverse: the minimum-norm solution of a singular system") {
  const double a[] = {1, 1, 1, 1}, b[] = {2, 2};
  const auto x = linalg::solve_pseudo(a, b, 1e-6);
  CHECK(x[0] == Approx(1));
  CHECK(x[1] == Approx(1));
}

TEST_CASE("newton-schulz: both sets of coefficients on hand-worked matrices") {
  const auto classic = linalg::newton_schulz_classic(), triples = linalg::newton_schulz_per_iteration();
  // Six decimals by hand; five products of three matrices each magnify float's roundings.
  const double tolerance = sizeof(real) == 8 ? 2e-6 : 4e-6;
  CHECK(distance(linalg::newton_schulz(linalg::identity(2), classic),
                 diagonal({real(1.108111), real(1.108111)})) < tolerance);
  CHECK(distance(linalg::newton_schulz(linalg::identity(2), triples),
                 diagonal({real(1.025612), real(1.025612)})) < tolerance);
  CHECK(distance(linalg::newton_schulz(diagonal({3, 4}), triples),
                 diagonal({real(1.018629), real(1.005632)})) < tolerance);
  CHECK(distance(linalg::newton_schulz(diagonal({3, 4}), classic),
                 diagonal({real(0.722876), real(1.119204)})) < tolerance);
  CHECK(linalg::newton_schulz(Tensor::zeros({2, 3}), classic).values() == std::vector<real>(6, 0));
  Rng rng(8);
  const Tensor g = rng.normal_tensor({5, 3});
  CHECK(distance(linalg::transpose(linalg::newton_schulz(g, triples)),
                 linalg::newton_schulz(linalg::transpose(g), triples)) < 10 * kTight);
  // One classic iteration maps 1 to 0.701 and 0.5 to 1.188859.
  const auto once = [](double x) { return x * (3.4445 + x * x * (-4.7750 + x * x * 2.0315)); };
  CHECK(once(1) == Approx(0.701));
  CHECK(once(0.5) == Approx(1.188859).epsilon(1e-6));
  // Five iterations bring singular values of [0.01, 1] to [0.681, 1.135], the triples [0.003, 1] to
  // [0.977, 1.145].
  const auto range = [](const std::vector<linalg::NewtonSchulzStep>& steps, double from) {
    double low = 10, high = 0;
    for (double start = from; start <= 1; start += 1e-3) {
      double x = start;
      for (const auto& [a, b, c] : steps) x *= a + x * x * (b + c * x * x);
      low = std::min(low, x), high = std::max(high, x);
    }
    return std::pair(low, high);
  };
  CHECK(range(classic, 0.01).first >= 0.681);
  CHECK(range(classic, 0.01).second <= 1.1351);
  CHECK(range(triples, 0.003).first >= 0.977);
  CHECK(range(triples, 0.003).second <= 1.1451);
}

TEST_CASE("power iteration finds the largest eigenvalue by size, whatever its sign") {
  const Tensor a = diagonal({-5, 3, 1});
  Tensor x = Tensor::ones({3, 1});
  const double value = linalg::power_iteration([&](const Tensor& v) { return linalg::matmul(a, v); }, x, 200);
  CHECK(value == Approx(-5).epsilon(1e-6));
  CHECK(std::abs(x.data()[0]) == Approx(1).epsilon(1e-4));
  Tensor zero = Tensor::zeros({3, 1});
  CHECK_THROWS_AS(linalg::power_iteration([&](const Tensor& v) { return v; }, zero, 5), NumericError);
}

TEST_CASE("quantiles interpolate; the median of an even count is the mean of the middle") {
  std::vector<double> v = {4, 1, 3, 2};
  CHECK(linalg::quantile(v, 0) == 1);
  CHECK(linalg::quantile(v, 1) == 4);
  CHECK(linalg::quantile(v, 0.25) == Approx(1.75));
  CHECK(linalg::median(v) == Approx(2.5));
  std::vector<double> none;
  CHECK_THROWS_AS(linalg::median(none), UsageError);
}

TEST_CASE("1-D k-means: separated groups, ties to the lower centre, constant values") {
  const std::vector<double> v = {10, 0.1, 1, 10, 0.1, 1};
  const auto c = linalg::kmeans_1d(v, 3);
  CHECK(c.labels == std::vector<int>{2, 0, 1, 2, 0, 1});
  CHECK(c.centres[0] == Approx(0.1));
  CHECK(c.centres[1] == Approx(1));
  CHECK(c.centres[2] == Approx(10));
  const std::vector<double> tie = {0, 1, 2};
  CHECK(linalg::kmeans_1d(tie, 2).labels == std::vector<int>{0, 0, 1});
  const std::vector<double> same = {7, 7, 7};
  CHECK(linalg::kmeans_1d(same, 3).labels == std::vector<int>{0, 0, 0});
  CHECK(linalg::kmeans_1d(v, 1).centres[0] == Approx(22.2 / 6));
}
