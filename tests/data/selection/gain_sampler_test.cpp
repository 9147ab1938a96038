// A Gaussian window along sorted prompts: the card's figures, draws without replacement, a centre that only moves on.
#include "data/selection/gain_sampler.h"

#include <doctest/doctest.h>

#include <cmath>

namespace gradus::gain_sampler_tests {

using doctest::Approx;

TEST_CASE("gain sampler: moves of the card") {
  const auto moved = [](double accuracy, double angle) {
    return moved_centre(100, accuracy, angle, 100000, {}) - 100;
  };
  CHECK(moved(0.5, 0.3) == Approx(268.524783).epsilon(1e-8));
  CHECK(moved(1, 0.3) == Approx(649.321861).epsilon(1e-8));
  CHECK(moved(0, 0.3) == 0);  // -112.27
  CHECK(moved(0, 0.6) == Approx(36.030226).epsilon(1e-7));
  CHECK(moved_centre(0, 1, 1, 100000, {.n = 1000, .adj_max = 300}) == 300);
  CHECK(moved_centre(90, 1, 1, 100, {}) == 99);  // the end of the list
  CHECK_THROWS_AS(moved_centre(0, 2, 0, 10, {}), DataError);
}

TEST_CASE("gain sampler: probabilities of the card, uniform for a wide window") {
  const double expected[] = {0.238759, 0.270550, 0.238759, 0.164097, 0.087835};
  const std::vector<double> p = gaussian_probs(5, 1, 2), wide = gaussian_probs(5, 1, 1e9);
  for (size_t i = 0; i < 5; ++i) {
    CHECK(p[i] == Approx(expected[i]).epsilon(1e-5));
    CHECK(wide[i] == Approx(0.2));
  }
}

TEST_CASE("gain sampler: draws without replacement, by their probabilities") {
  const std::vector<double> u{0.9, 0.1, 0.5};
  CHECK(gaussian_subset(u, 0, 1e9, 2) == std::vector<int64>{0, 2});
  CHECK(gaussian_subset(u, 0, 1e9, 9) == std::vector<int64>{0, 1, 2});
  CHECK(gaussian_subset(u, 1, 0.01, 1) == std::vector<int64>{1});
  CHECK_THROWS_AS(gaussian_subset(std::vector<double>{2}, 0, 1, 1), DataError);
  Rng rng(1);
  double counts[3] = {0, 0, 0};
  for (int i = 0; i < 20000; ++i) {
    const std::vector<double> draw{rng.uniform(), rng.uniform(), rng.uniform()};
    ++counts[gaussian_subset(draw, 0, 1, 1)[0]];
  }
  const std::vector<double> p = gaussian_probs(3, 0, 1);
  for (size_t i = 0; i < 3; ++i) CHECK(counts[i] / 20000 == Approx(p[i]).epsilon(0.05));
}

TEST_CASE("gain sampler: the most concentrated first, sorted once") {
  GainSamplerOptions options;
  options.n = 1, options.adj_max = 2, options.sigma = 0.01, options.subset_size = 1;
  GainSampler sampler(std::vector<double>{0.1, 0.9, 0.9, 0.5}, options);
  CHECK(sampler.order() == std::vector<int64>{1, 2, 3, 0});
  const std::vector<double> u(4, 0.5);
  CHECK(sampler.subset(u) == std::vector<int64>{1});
  sampler.update(1, 1);
  CHECK(sampler.centre() == Approx(std::tanh(1.0) + std::tanh(2.0)));
  CHECK(sampler.subset(u) == std::vector<int64>{3});  // 1.73 is nearest to position 2
  CHECK_THROWS_AS(GainSampler({}, options), DataError);
  CHECK_THROWS_AS(sampler.subset(std::vector<double>(3, 0.5)), ShapeError);
  CHECK_THROWS_AS(GainSampler(std::vector<double>{NAN}, options), DataError);
}

}  // namespace gradus::gain_sampler_tests
