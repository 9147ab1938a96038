// Stability of SGD: thresholds of the card, a problem in the plane, rotations, roots against Hessians, all samplings by hand.
#include "optim/methods/sgd_stability.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace gradus::sgd_stability_tests {

constexpr double kTight = kDouble ? 1e-8 : 2e-5;

// n scalar Hessians: sigma of them m, the others 0, of mean 1.
Tensor equal_ones(int64 n, int64 sigma) {
  Tensor h = Tensor::zeros({n, 1, 1});
  for (int64 i = 0; i < sigma; ++i)
    h.mutable_data()[i] = static_cast<real>(static_cast<double>(n) / static_cast<double>(sigma));
  return h;
}

Tensor plane_problem() {
  return Tensor::from({2, 2, 2}, {2, 0, 0, 0, real(1.5), real(1.5), real(1.5), real(1.5)});
}

TEST_CASE("sgd stability: thresholds of aligned Hessians, exact and by the coherence") {
  struct Row {
    int64 sigma, batch;
    double exact, coherence;
  };
  for (const Row& r : {Row{1, 1, .25, .3780}, Row{1, 2, .5, .5774}, Row{1, 4, 1.0, 1.0},
                       Row{4, 1, .7273, 1.5119}, Row{4, 2, 1.1429, 2.3094}, Row{4, 4, 1.6, 4.0},
                       Row{8, 1, 1.0667, 0}, Row{8, 2, 1.4545, 0}, Row{8, 4, 1.7778, 0}}) {
    const Tensor h = equal_ones(8, r.sigma);
    const double s = static_cast<double>(r.sigma),
                 exact = 2 * s / (s + 8.0 / static_cast<double>(r.batch) - 1);
    CHECK(exact == doctest::Approx(r.exact).epsilon(1e-4));
    CHECK(SecondMoment(h, exact, r.batch).spectral_radius() == doctest::Approx(1).epsilon(1e-5));
    CHECK(SecondMoment(h, 1.01 * exact, r.batch).spectral_radius() > 1);
    CHECK(SecondMoment(h, 0.99 * exact, r.batch).spectral_radius() < 1);
    const Coherence c = hessian_coherence(h);
    CHECK(c.coherence == doctest::Approx(s).epsilon(1e-6));
    CHECK(c.top_eigenvalue == doctest::Approx(1).epsilon(1e-6));
    const InverseSteps inverse = inverse_steps(c, r.batch);
    CHECK(1 / inverse.curvature == doctest::Approx(2).epsilon(1e-6));
    if (r.coherence > 0) CHECK(1 / inverse.coherence == doctest::Approx(r.coherence).epsilon(1e-4));
    // Sufficient for instability, so never below the exact threshold.
    CHECK(1 / std::max(inverse.curvature, inverse.coherence) >= exact * (1 - 1e-6));
    // max_i lam_1(H_i) sqrt(n/B - 1)/n
    CHECK(inverse.example ==
          doctest::Approx(8 / s * std::sqrt(8.0 / static_cast<double>(r.batch) - 1) / 8).epsilon(1e-6));
  }
}

TEST_CASE("sgd stability: two examples in the plane") {
  const Tensor h = plane_problem();
  const Coherence c = hessian_coherence(h);
  CHECK(c.s.at({0, 0}) == doctest::Approx(2).epsilon(kTight));
  CHECK(c.s.at({0, 1}) == doctest::Approx(1.73205081).epsilon(kTight));
  CHECK(c.s.at({1, 1}) == doctest::Approx(3).epsilon(kTight));
  CHECK(c.coherence == doctest::Approx(1.43425855).epsilon(kTight));
  CHECK(c.top_eigenvalue == doctest::Approx(2.15138782).epsilon(kTight));
  CHECK(SecondMoment(h, .5, 1).spectral_radius() == doctest::Approx(.75896528).epsilon(kTight));
  CHECK(SecondMoment(h, .7, 1).spectral_radius() == doctest::Approx(1.52615161).epsilon(kTight));
  CHECK(SecondMoment(h, .8, 2).spectral_radius() == doctest::Approx(.52).epsilon(1e-2));
  CHECK(SecondMoment(h, .9, 2).spectral_radius() == doctest::Approx(.87656225).epsilon(kTight));
  CHECK(SecondMoment(h, 1, 2).spectral_radius() ==
        doctest::Approx(std::pow(1 - c.top_eigenvalue, 2)).epsilon(kTight));
  CHECK(SecondMoment(h, 1, 2).spectral_radius() == doctest::Approx(1.32569391).epsilon(kTight));
}

TEST_CASE("sgd stability: orthogonal Hessians; nothing changes under a rotation") {
  Tensor h = Tensor::zeros({4, 4, 4});
  for (int64 i = 0; i < 4; ++i) h.mutable_data()[i * 16 + i * 5] = 4;
  CHECK(hessian_coherence(h).coherence == doctest::Approx(1).epsilon(1e-6));
  CHECK(SecondMoment(h, .4, 1).spectral_radius() == doctest::Approx(.84).epsilon(kTight));
  CHECK(SecondMoment(h, .5, 1).spectral_radius() == doctest::Approx(1).epsilon(kTight));
  CHECK(SecondMoment(h, .6, 1).spectral_radius() == doctest::Approx(1.24).epsilon(kTight));
  // (1 - lr)^2 + lr^2 (n/B - 1)
  CHECK(SecondMoment(h, .6, 2).spectral_radius() == doctest::Approx(.16 + .36).epsilon(kTight));

  const double angle = 0.7;
  const Tensor turn =
      Tensor::from({2, 2}, {static_cast<real>(std::cos(angle)), static_cast<real>(-std::sin(angle)),
                            static_cast<real>(std::sin(angle)), static_cast<real>(std::cos(angle))});
  const Tensor plane = plane_problem();
  Tensor turned({2, 2, 2});
  for (int64 i = 0; i < 2; ++i) {
    const Tensor m =
        linalg::matmul(linalg::matmul(turn, plane.rows(i, i + 1).view({2, 2})), turn, false, true);
    std::copy_n(m.data(), 4, turned.mutable_data() + 4 * i);
  }
  CHECK(hessian_coherence(turned).coherence ==
        doctest::Approx(hessian_coherence(plane).coherence).epsilon(1e-5));
  CHECK(SecondMoment(turned, .5, 1).spectral_radius() ==
        doctest::Approx(SecondMoment(plane, .5, 1).spectral_radius()).epsilon(1e-5));
}

TEST_CASE(
    "sgd stability: coherence from roots is that of their Hessians, also in the row space and of "
    "cross-entropy") {
  Rng rng(5);
  const Tensor j = rng.normal_tensor({3, 2, 9}), logits = rng.normal_tensor({3, 2});
  const Tensor roots = cross_entropy_roots(j, logits);
  const auto hessians = [](const Tensor& b) {
    Tensor h({b.dim(0), b.dim(2), b.dim(2)});
    for (int64 i = 0; i < b.dim(0); ++i) {
      const Tensor one = b.rows(i, i + 1).view({b.dim(1), b.dim(2)});
      const Tensor m = linalg::matmul(one, one, true);
      std::copy_n(m.data(), m.numel(), h.mutable_data() + i * m.numel());
    }
    return h;
  };
  // J'(diag(q) - q q')J with q the softmax.
  for (int64 i = 0; i < 3; ++i) {
    const double q = 1 / (1 + std::exp(double(logits.at({i, 1})) - double(logits.at({i, 0}))));
    for (int64 a = 0; a < 9; ++a)
      for (int64 b = 0; b < 9; ++b) {
        const double da = double(j.at({i, 0, a})) - double(j.at({i, 1, a})),
                     db = double(j.at({i, 0, b})) - double(j.at({i, 1, b}));
        CHECK(hessians(roots).at({i, a, b}) == doctest::Approx(q * (1 - q) * da * db).epsilon(1e-4));
      }
  }
  const Coherence by_roots = root_coherence(roots), by_hessians = hessian_coherence(hessians(roots)),
                  reduced = hessian_coherence(hessians(in_row_space(roots)));
  for (const Coherence* c : {&by_roots, &reduced}) {
    CHECK(c->coherence == doctest::Approx(by_hessians.coherence).epsilon(1e-5));
    CHECK(c->top_eigenvalue == doctest::Approx(by_hessians.top_eigenvalue).epsilon(1e-5));
    CHECK(c->max_example_eigenvalue == doctest::Approx(by_hessians.max_example_eigenvalue).epsilon(1e-5));
    for (int64 k = 0; k < 9; ++k)
      CHECK(c->s.data()[k] == doctest::Approx(by_hessians.s.data()[k]).epsilon(1e-4));
  }
  CHECK(SecondMoment(hessians(in_row_space(roots)), 2, 1).spectral_radius() ==
        doctest::Approx(SecondMoment(hessians(roots), 2, 1).spectral_radius()).epsilon(1e-4));
}

TEST_CASE("sgd stability: a step of the second moment is the mean over batches, for every sampling") {
  // Two scalar examples of Hessians 1 and 3, lr 0.2, M = 5.
  const Tensor h = Tensor::from({2, 1, 1}, {1, 3}), m = Tensor::full({1, 1}, 5);
  const auto after = [&](const char* sampling, int64 b) {
    return static_cast<double>(SecondMoment(h, .2, b, sampling)(m).item()) / 5;
  };
  const auto factor = [](double sum, double b) { return std::pow(1 - .2 / b * sum, 2); };
  // Each in with probability 1/2.
  CHECK(after("bernoulli", 1) ==
        doctest::Approx((factor(0, 1) + factor(1, 1) + factor(3, 1) + factor(4, 1)) / 4).epsilon(1e-6));
  CHECK(after("with_replacement", 2) ==
        doctest::Approx((factor(2, 2) + 2 * factor(4, 2) + factor(6, 2)) / 4).epsilon(1e-6));
  CHECK(after("without_replacement", 1) == doctest::Approx((factor(1, 1) + factor(3, 1)) / 2).epsilon(1e-6));
  // The whole set at once has no variance.
  for (const char* sampling : {"bernoulli", "without_replacement"})
    CHECK(after(sampling, 2) == doctest::Approx(factor(4, 2)).epsilon(1e-6));
  CHECK(SecondMoment(Tensor::full({1, 1, 1}, 1), .5, 1, "without_replacement").spectral_radius() ==
        doctest::Approx(.25).epsilon(1e-6));
}

TEST_CASE(
    "sgd stability: Bernoulli steps divide by the nominal size; an empty batch changes nothing; refusals") {
  const Tensor h = plane_problem(), w = Tensor::from({2}, {1, -1});
  CHECK(bernoulli_step(h, w, IntTensor::from({2}, {0, 0}), .1, 2).values() == w.values());
  const Tensor one = bernoulli_step(h, w, IntTensor::from({2}, {1, 0}), .1, 2);
  CHECK(one.at({0}) == doctest::Approx(1 - .05 * 2));
  CHECK(one.at({1}) == doctest::Approx(-1));
  CHECK_THROWS_AS(bernoulli_step(h, w, IntTensor::from({1}, {1}), .1, 2), ShapeError);
  CHECK_THROWS_AS(SecondMoment(h, .1, 3), UsageError);
  CHECK_THROWS_AS(SecondMoment(h, .1, 0), UsageError);
  CHECK_NOTHROW(SecondMoment(h, .1, 3, "with_replacement"));
  CHECK_THROWS_AS(SecondMoment(h, .1, 1, "bernouli"), UsageError);
  CHECK_THROWS_AS(SecondMoment(Tensor::zeros({2, 2}), .1, 1), ShapeError);
  CHECK_THROWS_AS(hessian_coherence(Tensor::zeros({2, 2, 2})), NumericError);
  CHECK_THROWS_AS(inverse_steps(hessian_coherence(h), 3), UsageError);
}

}  // namespace gradus::sgd_stability_tests
