// Projected and linear guidance: the figures of the cards.
#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "nn/diffusion/adaptive_guidance.h"
#include "nn/diffusion/apg.h"
#include "nn/diffusion/gaussian_oracle.h"
#include "nn/diffusion/linear_guidance.h"
#include "nn/diffusion/prediction.h"
#include "nn/diffusion/sampling.h"

using namespace gradus;

namespace gradus::diffusion_guidance_tests {

double entry(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }
Tensor pair_of(double a, double b) {
  return Tensor::from({1, 2}, {static_cast<real>(a), static_cast<real>(b)});
}

TEST_CASE("apg: the card's steps") {
  const Tensor c = pair_of(2, 0), u = pair_of(1, -1);
  const auto step = [&](ApgOptions o) {
    Tensor m = Tensor::zeros({1, 2});
    return apg_step(c, u, m, o);
  };
  const Tensor cfg = step({.scale = 5, .eta = 1, .momentum = 0});
  CHECK(entry(cfg, 0) == doctest::Approx(6));
  CHECK(entry(cfg, 1) == doctest::Approx(4));
  const Tensor across = step({.scale = 5, .momentum = 0});
  CHECK(entry(across, 0) == doctest::Approx(2));
  CHECK(entry(across, 1) == doctest::Approx(4));
  const Tensor capped = step({.scale = 5, .norm_threshold = 1, .momentum = 0});
  CHECK(entry(capped, 0) == doctest::Approx(2));
  CHECK(entry(capped, 1) == doctest::Approx(2.828427));
  // The second step of a trajectory; the buffer has what was before cap and projection.
  Tensor m = Tensor::zeros({1, 2});
  apg_step(c, u, m, {.scale = 5});
  const Tensor second = apg_step(c, u, m, {.scale = 5});
  CHECK(entry(m, 0) == doctest::Approx(.5));
  CHECK(entry(m, 1) == doctest::Approx(.5));
  CHECK(entry(second, 0) == doctest::Approx(2));
  CHECK(entry(second, 1) == doctest::Approx(2));
  Tensor kept = Tensor::zeros({1, 2});
  apg_step(c, u, kept, {.norm_threshold = .1});
  CHECK(entry(kept, 0) == doctest::Approx(1));
  // The other library's form counts the scale from 0 and stands on the estimate without a class.
  const Tensor other = step({.scale = 5, .momentum = 0, .formulation = "diffusers"});
  CHECK(entry(other, 0) == doctest::Approx(1));
  CHECK(entry(other, 1) == doctest::Approx(4));
  CHECK_THROWS_AS(apg_step(c, Tensor::ones({2, 1}), m, {}), ShapeError);
}

TEST_CASE("apg: invariants on random estimates of several axes") {
  Rng rng(8);
  const Tensor c = rng.normal_tensor({3, 2, 4, 4}), u = rng.normal_tensor({3, 2, 4, 4});
  Tensor m = rng.normal_tensor({3, 2, 4, 4});
  const Tensor before = m.clone();
  const Tensor unit = apg_step(c, u, m, {.scale = 1, .eta = .3, .norm_threshold = 2});
  for (int64 i = 0; i < c.numel(); ++i) CHECK(entry(unit, i) == doctest::Approx(entry(c, i)));
  Tensor zero = Tensor::zeros(c.shape());
  const Tensor cfg = apg_step(c, u, zero, {.scale = 4, .eta = 1, .momentum = 0}),
               same = classifier_free(c, u, 4);
  for (int64 i = 0; i < c.numel(); ++i) CHECK(entry(cfg, i) == doctest::Approx(entry(same, i)).epsilon(1e-5));
  zero = Tensor::zeros(c.shape());
  const Tensor capped = apg_step(c, u, zero, {.scale = 4, .norm_threshold = 2, .momentum = 0});
  const Tensor moved = mix(1, capped, -1, c);
  for (int64 b = 0; b < 3; ++b) {
    CHECK(std::abs(row_dot(moved, c, b)) < 1e-4);                  // across the estimate
    CHECK(row_dot(capped, capped, b) >= row_dot(c, c, b) - 1e-4);  // never shorter
    CHECK(std::sqrt(row_dot(moved, moved, b)) <= 3 * 2 + 1e-5);    // (scale - 1) times the cap
  }
}

TEST_CASE("adaptive guidance: by sample, and once off for good") {
  AdaptiveRule rule(2, {.scale = 3, .gamma_bar = .9});
  rule.see({.95, .5});
  CHECK(!rule.guided(0));
  CHECK(rule.guided(1));
  rule.see({.1, .8});  // the first has parted again
  CHECK(!rule.guided(0));
  const Tensor c = Tensor::from({2, 1}, {real(2), real(2)}), u = Tensor::from({2, 1}, {real(1), real(1)});
  CHECK(entry(rule.combine(c, u), 0) == 2);
  CHECK(entry(rule.combine(c, u), 1) == 4);
  AdaptiveRule armed(1, {.gamma_bar = .9, .use_arming = true});
  armed.see({.95});
  CHECK(armed.guided(0));
  armed.see({.5});
  armed.see({.95});
  CHECK(!armed.guided(0));
}

TEST_CASE("linear guidance: the coefficients of a target in the span, and its estimate") {
  Rng rng(9);
  std::vector<Tensor> cond, uncond;
  for (int i = 0; i < 3; ++i) {
    cond.push_back(rng.normal_tensor({5, 4}));
    uncond.push_back(rng.normal_tensor({5, 4}));
  }
  uncond[2] = mix(.3, cond[2], .7, uncond[1]);
  const LinearFit fit = linear_ag_fit(cond, uncond, 0);
  const double expected[] = {0, 0, .3, 0, .7};
  REQUIRE(fit.coefficients.size() == 5);
  for (size_t i = 0; i < 5; ++i) CHECK(std::abs(fit.coefficients[i] - expected[i]) < 1e-5);
  for (int64 i = 0; i < 20; ++i)
    CHECK(entry(fit.estimate, i) == doctest::Approx(entry(uncond[2], i)).epsilon(1e-4));
  // A ridge pulls towards 0.
  CHECK(linear_ag_fit(cond, uncond, 1).coefficients[4] < .6);
  CHECK_THROWS_AS(linear_ag_fit(cond, std::span(uncond).first(2)), ShapeError);
}

TEST_CASE("linear guidance: evaluations of the card, after a rehearsal") {
  GaussianOracle oracle(
      Tensor::from({2, 2}, {real(-1), real(.5), real(1), real(0)}),
      Tensor::from({2, 2, 2}, {real(.3), real(.1), real(.1), real(.2), real(.4), real(0), real(0), real(.1)}),
      Tensor::ones({2}));
  const SamplerPtr ddim = make_sampler("ddim:steps=20");
  const SkipPolicyPtr all = make_skip_policy("none");
  const GuidancePtr linear = make_guidance("linear:scale=2,linear_until=10,cond_from=12"),
                    cfg = make_guidance("cfg:scale=2");
  const auto levels = sampling_levels(noise_schedule({.schedule = "linear"}), 20);
  Rng rng(10);
  const Tensor x = rng.normal_tensor({30, 2});
  IntTensor classes(Shape{30});
  for (int64 i = 0; i < 30; ++i) classes.mutable_data()[i] = i % 2;
  CHECK(linear->rehearsals() == 64);
  CHECK_THROWS_AS(sample({oracle, *ddim, *linear, *all, levels}, x, classes, Rng(0)), UsageError);
  rehearse({oracle, *ddim, *linear, *all, levels}, x, classes);
  CHECK(linear->rehearsals() == 0);
  const Sampled guided = sample({oracle, *ddim, *linear, *all, levels}, x, classes, Rng(0)),
                full = sample({oracle, *ddim, *cfg, *all, levels}, x, classes, Rng(0));
  CHECK(guided.evaluations == std::vector<int64>(30, 27));  // 5 + 7*2 + 8
  double gap = 0, size = 0;
  for (int64 b = 0; b < 30; ++b) {
    const Tensor d = mix(1, guided.x, -1, full.x);
    gap += std::sqrt(row_dot(d, d, b));
    size += std::sqrt(row_dot(full.x, full.x, b));
  }
  CHECK(gap / size < .1);
}

}  // namespace gradus::diffusion_guidance_tests
