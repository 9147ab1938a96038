// ScaledGD: the card's figures, and what leaves the path of the product alone.
#include "optim/methods/scaled_gd.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/graph.h"
#include "core/error.h"
#include "core/linalg.h"
#include "optim/problems/matrix_sensing.h"

using namespace gradus;

namespace gradus::scaled_gd_tests {

FactorObjective objective(const MatrixSensing& p) {
  return [&p](const Tensor& x) {
    const SensingPoint at = sensing_point(p, x);
    return FactorPoint{at.loss, at.gradient};
  };
}
const FactorWatch kNobody = [](int64, double, const Tensor&) { return true; };

Tensor after(const MatrixSensing& p, const Tensor& x, const ScaledGdOptions& o) {
  return scaled_gd(objective(p), x, o, kNobody);
}

double largest_gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(double(a.data()[i]) - double(b.data()[i])));
  return worst;
}

const double kTight = std::is_same_v<real, double> ? 1e-11 : 2e-5;

TEST_CASE("scaledgd: of a pair of factors only what the mask shows counts") {
  const Tensor ones = Tensor::full({2, 1}, 1), nothing = Tensor::zeros({2, 2});
  const PairPoint at = pair_point({ones, ones}, nothing, Tensor::from({2, 2}, {1, 0, 0, 1}));
  CHECK(at.loss == doctest::Approx(1));  // two entries of 1, halved
  CHECK(at.gradient.left.values() == std::vector<real>{1, 1});
  CHECK(at.gradient.right.values() == std::vector<real>{1, 1});
  CHECK(pair_point({ones, ones}, nothing, Tensor::full({2, 2}, 1)).loss == doctest::Approx(2));
}

TEST_CASE("scaledgd: one number, one measurement") {
  const MatrixSensing p{Tensor::ones({1, 1, 1}), Tensor::ones({1}), 1, {}};
  const Tensor x = Tensor::full({1, 1}, real(0.1));
  CHECK(double(after(p, x, {.lr = 0.3, .damping = 0.01}).item()) == doctest::Approx(1.585).epsilon(1e-6));
  CHECK(double(after(p, x, {.lr = 0.3, .method = "gd"}).item()) == doctest::Approx(0.1297).epsilon(1e-6));
  // While X is tiny a step multiplies it by 1 + lr*sigma^2/damping.
  const Tensor tiny = Tensor::full({1, 1}, real(1e-7));
  CHECK(double(after(p, tiny, {.lr = 0.3, .damping = 0.01}).item()) == doctest::Approx(31e-7).epsilon(1e-5));
}

TEST_CASE("matrix sensing: R X is the derivative of the loss; the truth is a fixed point") {
  Rng rng(3);
  const MatrixSensing p =
      random_matrix_sensing({.size = 6, .measurements = 40, .eigenvalues = {1, 0.25}}, rng);
  const Tensor x = rng.normal_tensor({6, 3});
  const SensingPoint at = sensing_point(p, x);
  const Tensor leaf = variable(x);
  const Tensor loss = sensing_loss(p, leaf);
  CHECK(double(loss.item()) == doctest::Approx(at.loss).epsilon(1e-5));
  CHECK(largest_gap(grad(loss, {leaf})[0], at.gradient) < kTight * 10);
  // Any X X' = M*: no residual, whatever the rotation.
  const linalg::Eigen eigen = linalg::eigh(p.truth);
  Tensor root({6, 2});
  for (int64 i = 0; i < 6; ++i)
    for (int64 j = 0; j < 2; ++j)
      root.mutable_data()[i * 2 + j] = static_cast<real>(std::sqrt(double(eigen.values.data()[4 + j])) *
                                                         double(eigen.vectors.data()[i * 6 + 4 + j]));
  const Tensor q = linalg::qr(rng.normal_tensor({2, 2})).q;
  const Tensor truth = linalg::matmul(root, q);
  CHECK(sensing_point(p, truth).loss < 1e-10);
  CHECK(largest_gap(after(p, truth, {.lr = 0.3, .damping = 1e-3, .steps = 3}), truth) < kTight * 10);
  CHECK(product_error(truth, p.truth) < kTight);
  CHECK_THROWS_AS(sensing_point(p, Tensor::ones({5, 2})), ShapeError);
}

TEST_CASE(
    "matrix sensing: eigenvalues are those asked for, the operators' second moments those of the model") {
  Rng rng(5);
  const MatrixSensing p =
      random_matrix_sensing({.size = 5, .measurements = 4000, .eigenvalues = {2, 0.5}}, rng);
  const Tensor values = linalg::eigh(p.truth).values;
  CHECK(double(values.data()[4]) == doctest::Approx(2).epsilon(1e-4));
  CHECK(double(values.data()[3]) == doctest::Approx(0.5).epsilon(1e-4));
  CHECK(std::abs(double(values.data()[2])) < 1e-5);
  double diagonal = 0, beside = 0;
  for (int64 i = 0; i < 4000; ++i) {
    const real* a = p.operators.data() + i * 25;
    diagonal += double(a[6]) * double(a[6]);
    beside += double(a[7]) * double(a[7]);
    CHECK(a[7] == a[11]);
  }
  CHECK(diagonal / 4000 == doctest::Approx(1).epsilon(0.1));
  CHECK(beside / 4000 == doctest::Approx(0.5).epsilon(0.1));
  CHECK_THROWS_AS(random_matrix_sensing({.size = 2, .eigenvalues = {1, 1, 1}}, rng), UsageError);
  CHECK_THROWS_AS(random_matrix_sensing({.eigenvalues = {1, 0}}, rng), UsageError);
}

TEST_CASE("scaledgd: a rotation of X commutes with the step; large damping is gradient descent") {
  Rng rng(7);
  const MatrixSensing p =
      random_matrix_sensing({.size = 6, .measurements = 60, .eigenvalues = {1, 0.25}}, rng);
  const Tensor x = rng.normal_tensor({6, 3}, 0, real(0.3)), q = linalg::qr(rng.normal_tensor({3, 3})).q;
  const ScaledGdOptions o{.lr = 0.3, .damping = 0.05, .steps = 4};
  CHECK(largest_gap(after(p, linalg::matmul(x, q), o), linalg::matmul(after(p, x, o), q)) < kTight * 10);
  const double big = 1e6;
  const Tensor damped = after(p, x, {.lr = 0.1 * big, .damping = big, .steps = 2});
  CHECK(largest_gap(damped, after(p, x, {.lr = 0.1, .steps = 2, .method = "gd"})) < 1e-5);
}

TEST_CASE(
    "scaledgd: the pair's product does not see a change of basis between the factors; gradient descent "
    "does") {
  Rng rng(9);
  const FactorPair f{rng.normal_tensor({5, 2}), rng.normal_tensor({4, 2})};
  const Tensor matrix = rng.normal_tensor({5, 4}), mask = rng.bernoulli_tensor({5, 4}, 0.7);
  const Tensor basis = Tensor::from({2, 2}, {2, 1, 0.5, 1}),
               inverse = linalg::solve(basis, linalg::identity(2));
  const FactorPair g{linalg::matmul(f.left, basis), linalg::matmul(f.right, inverse, false, true)};
  const auto product_after = [&](const FactorPair& start, const ScaledGdOptions& o) {
    FactorPair at = start;
    for (int step = 0; step < 3; ++step) at = scaled_gd_step(at, pair_point(at, matrix, mask).gradient, o);
    return linalg::matmul(at.left, at.right, false, true);
  };
  const ScaledGdOptions scaled{.lr = 0.3, .damping = 0}, plain{.lr = 0.01, .method = "gd"};
  CHECK(largest_gap(product_after(f, scaled), product_after(g, scaled)) < kTight * 50);
  CHECK(largest_gap(product_after(f, plain), product_after(g, plain)) > 1e-2);
  CHECK_THROWS_AS(scaled_gradient(Tensor::ones({3, 2}), Tensor::zeros({3, 2}), 0), NumericError);
  CHECK_THROWS_AS(pair_point(f, matrix, Tensor::ones({4, 4})), ShapeError);
}

TEST_CASE("scaledgd: ill-conditioned, with columns to spare, as fast as well-conditioned") {
  const auto steps_to = [](double kappa) {
    Rng rng(11);
    const double least = 1 / (kappa * kappa);
    const MatrixSensing p =
        random_matrix_sensing({.size = 12, .measurements = 500, .eigenvalues = {1, least}}, rng);
    int64 reached = -1;
    scaled_gd(objective(p), rng.normal_tensor({12, 4}, 0, real(1e-6)),
              {.lr = 0.3, .damping = least / 100, .steps = 300}, [&](int64 step, double, const Tensor& x) {
                reached = step;
                return product_error(x, p.truth) > 1e-3;
              });
    return reached;
  };
  const int64 easy = steps_to(2), hard = steps_to(20);
  CHECK(easy > 10);
  CHECK(easy < 60);
  CHECK(hard < 2 * easy);
}

}  // namespace gradus::scaled_gd_tests
