// Batch size tests: the card's examples, identities between the tests, sums in place of single gradients, micro-batches.
#include "optim/methods/batch_growth.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"

using namespace gradus;

namespace gradus::batch_growth_tests {

const double kTight = sizeof(real) == 8 ? 1e-10 : 1e-4;

double wanted(const Tensor& grads, const BatchTestOptions& o) {
  return wanted_batch_size(gradient_spread(grads), o).value();
}

TEST_CASE("batch growth: two gradients at right angles") {
  const Tensor g = Tensor::from({2, 2}, {1, 0, 0, 1});
  const GradientSpread s = gradient_spread(g);
  CHECK(s.grad_norm_squared == 0.5);
  CHECK(s.variance == 1);
  CHECK(s.inner_product_variance == 0);
  CHECK(s.orthogonal_variance == doctest::Approx(1));
  CHECK(wanted(g, {.eta = 1}) == 2);
  CHECK(grown_batch_size(2, wanted(g, {.eta = 1}), 100) == 2);
  CHECK(grown_batch_size(2, wanted(g, {.eta = 0.5}), 100) == 8);
  CHECK(wanted(g, {.test = "inner_product"}) == 0);
  CHECK(wanted(g, {.test = "orthogonality"}) == doctest::Approx(2));
}

TEST_CASE("batch growth: two gradients of different lengths, all tests") {
  const Tensor g = Tensor::from({2, 2}, {2, 0, 0, 1});
  const GradientSpread s = gradient_spread(g);
  CHECK(s.grad_norm_squared == 1.25);
  CHECK(s.variance == 2.5);
  CHECK(s.inner_product_variance == doctest::Approx(1.125));
  CHECK(s.orthogonal_variance == doctest::Approx(1.6));
  CHECK(wanted(g, {.eta = 1}) == 2);
  CHECK(wanted(g, {.test = "inner_product", .theta = 1}) == doctest::Approx(0.72));
  CHECK(wanted(g, {.test = "orthogonality", .nu = 1}) == doctest::Approx(1.28));
  CHECK(wanted(g, {.test = "augmented", .theta = 1, .nu = 1}) == doctest::Approx(1.28));
  CHECK(wanted(g, {.test = "augmented", .theta = 0.5, .nu = 1}) == doctest::Approx(2.88));
  CHECK(wanted(g, {.test = "coordinatewise", .eta = 0.5}) ==
        doctest::Approx(8));  // Var 2 over 1, 0.5 over 0.25
  CHECK(s.variance ==
        doctest::Approx(s.inner_product_variance / s.grad_norm_squared + s.orthogonal_variance));
}

TEST_CASE(
    "batch growth: equal gradients never grow, a mean of zero asks for all there is, sizes never shrink") {
  const Tensor same = Tensor::from({3, 2}, {1, 2, 1, 2, 1, 2});
  for (const char* test : {"norm", "inner_product", "orthogonality", "augmented", "coordinatewise"}) {
    CAPTURE(test);
    CHECK(wanted(same, {.test = test}) == doctest::Approx(0));
    CHECK(grown_batch_size(3, wanted(same, {.test = test}), 100) == 3);
    CHECK(!wanted_batch_size(gradient_spread(Tensor::from({2, 1}, {1, -1})), {.test = test}));
  }
  CHECK(grown_batch_size(3, std::nullopt, 100) == 100);
  CHECK(grown_batch_size(3, 1e300, 100) == 100);
  CHECK(grown_batch_size(3, 4.2, 100) == 5);
  CHECK(grown_batch_size(8, 4.2, 100) == 8);
  CHECK(grown_batch_size(8, 4.2, 6) == 6);
  // One coordinate that is zero on average is enough for the coordinatewise test; one that always is does not count.
  const Tensor mixed = Tensor::from({2, 3}, {1, 2, 0, -1, 2, 0});
  CHECK(!wanted_batch_size(gradient_spread(mixed), {.test = "coordinatewise"}));
  CHECK(wanted(mixed, {.eta = 1}) == doctest::Approx(0.5));
  CHECK_THROWS_AS(gradient_spread(Tensor::ones({1, 3})), UsageError);
  CHECK_THROWS_AS(gradient_spread(Tensor::ones({3})), ShapeError);
}

TEST_CASE("batch growth: from norms and products alone; tensor by tensor") {
  Rng rng(7);
  const Tensor g = rng.normal_tensor({6, 5}, real(0.3));
  const GradientSpread s = gradient_spread(g);
  double norms = 0;
  std::vector<double> mean(5), c;
  for (int64 i = 0; i < 30; ++i) {
    norms += double(g.data()[i]) * double(g.data()[i]);
    mean[size_t(i % 5)] += double(g.data()[i]) / 6;
  }
  for (int64 i = 0; i < 6; ++i) {
    c.push_back(0);
    for (int64 j = 0; j < 5; ++j) c.back() += double(g.data()[i * 5 + j]) * mean[size_t(j)];
  }
  const GradientSpread sums = gradient_spread(norms, s.grad_norm_squared, c);
  CHECK(sums.examples == 6);
  CHECK(sums.variance == doctest::Approx(s.variance).epsilon(kTight));
  CHECK(sums.inner_product_variance == doctest::Approx(s.inner_product_variance).epsilon(kTight));
  CHECK(sums.orthogonal_variance == doctest::Approx(s.orthogonal_variance).epsilon(kTight));

  const std::vector<int64> sizes = {2, 3}, all = {5};
  const GradientSpread parts = gradient_spread(g, sizes);
  const auto columns = [&](int64 from, int64 to) {
    Tensor part({6, to - from});
    for (int64 i = 0; i < 6; ++i)
      for (int64 j = from; j < to; ++j) part.mutable_data()[i * (to - from) + j - from] = g.data()[i * 5 + j];
    return gradient_spread(part);
  };
  const GradientSpread left = columns(0, 2), right = columns(2, 5);
  CHECK(parts.variance == doctest::Approx(s.variance));
  CHECK(parts.inner_product_variance ==
        doctest::Approx(left.inner_product_variance + right.inner_product_variance));
  CHECK(parts.orthogonal_variance == doctest::Approx(left.orthogonal_variance + right.orthogonal_variance));
  CHECK(gradient_spread(g, all).orthogonal_variance == s.orthogonal_variance);
  const std::vector<int64> wrong = {2, 2};
  CHECK_THROWS_AS(gradient_spread(g, wrong), ShapeError);
}

TEST_CASE("batch growth: micro-batches by hand") {
  // Two of two: means (1) and (4), variances 2 and 8.
  const MicroBatchSpread s = micro_batch_spread(Tensor::from({2, 2, 1}, {0, 2, 2, 6}));
  CHECK(s.mean.values() == std::vector<real>{2.5});
  CHECK(s.variance == doctest::Approx(5 + 8.5 - 6.25));
  CHECK(s.between == doctest::Approx(2 * 4.5));
  CHECK(s.norm_squared == doctest::Approx(6.25));
  CHECK_THROWS_AS(micro_batch_spread(Tensor::ones({2, 1, 3})), UsageError);
  CHECK_THROWS_AS(micro_batch_spread(Tensor::ones({1, 2, 3})), UsageError);
}

}  // namespace gradus::batch_growth_tests
