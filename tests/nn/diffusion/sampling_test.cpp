// Noise levels, predictions, samplers, the exact denoiser: hand-worked figures of the card.
#include "nn/diffusion/sampling.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "nn/diffusion/frechet_distance.h"
#include "nn/diffusion/gaussian_oracle.h"
#include "nn/diffusion/prediction.h"

using namespace gradus;

namespace gradus::diffusion_sampling_tests {

double entry(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }
Tensor one(double v) { return Tensor::full({1, 1}, static_cast<real>(v)); }

// Two classes N(-1,.25), N(1,.25).
GaussianOracle two_classes() {
  return {Tensor::from({2, 1}, {real(-1), real(1)}), Tensor::full({2, 1, 1}, real(.25)),
          Tensor::full({2}, real(.5))};
}

Sampled draw(Denoiser& denoiser, const std::string& sampler, const std::string& guidance,
             const std::string& skip, const Tensor& x, const IntTensor& classes) {
  const SamplerPtr s = make_sampler(sampler);
  const GuidancePtr g = make_guidance(guidance);
  const SkipPolicyPtr k = make_skip_policy(skip);
  return sample({denoiser, *s, *g, *k, sampling_levels(noise_schedule({}), s->steps())}, x, classes, Rng(3));
}

// The same whatever the class.
class Classless : public Denoiser {
 public:
  Tensor denoise(const Tensor& x, const NoiseLevel&, const IntTensor&) override { return mix(0.5, x, 0, x); }
};

TEST_CASE("diffusion: alpha_bar and times of the card") {
  const NoiseSchedule n = noise_schedule({});
  const double expected[] = {.9999, .847012, .493844, .144272, .0001};
  const size_t at[] = {0, 249, 499, 749, 999};
  for (size_t i = 0; i < 5; ++i) CHECK(n.alpha_bar[at[i]] == doctest::Approx(expected[i]).epsilon(1e-5));
  CHECK(sampling_timesteps(5, 1000) == std::vector<int64>{999, 749, 500, 250, 0});
  CHECK(sampling_timesteps(1, 1000) == std::vector<int64>{999});
  CHECK_THROWS_AS(sampling_timesteps(0, 10), UsageError);
  const NoiseSchedule linear =
      noise_schedule({.schedule = "linear", .num_train_steps = 3, .beta_start = .1, .beta_end = .3});
  CHECK(linear.alpha_bar[2] == doctest::Approx(.9 * .8 * .7));
  CHECK_THROWS_AS(noise_schedule({.clamp_min = .9, .clamp_max = .1}), UsageError);
}

TEST_CASE("diffusion: x0, noise and v of one Gaussian, and a DDIM step") {
  GaussianOracle oracle(Tensor::from({1, 1}, {real(2)}), Tensor::full({1, 1, 1}, real(.25)),
                        Tensor::ones({1}));
  const NoiseLevel level{0, .64}, next{0, .9};
  const Tensor x = one(1), d = oracle.denoise(x, level, IntTensor::full({1}, 0));
  CHECK(entry(d, 0) == doctest::Approx(1.7692308));
  const Tensor eps = noise_of(x, d, level);
  CHECK(entry(eps, 0) == doctest::Approx(-.6923077));
  CHECK(entry(ddim_step(d, eps, level, next), 0) == doctest::Approx(1.4595128));
  const std::vector<double> levels = {.64};
  const ConvertedPrediction p = convert_prediction(DenoiserOutput::kSample, d, x, levels);
  CHECK(entry(p.v, 0) == doctest::Approx(-1.6153846));
  for (const auto& [kind, out] :
       {std::pair{DenoiserOutput::kV, p.v}, std::pair{DenoiserOutput::kEpsilon, p.epsilon}}) {
    CHECK(entry(convert_prediction(kind, out, x, levels).x0, 0) == doctest::Approx(1.7692308).epsilon(1e-5));
    CHECK(entry(denoised_from(kind, out, x, level), 0) == doctest::Approx(1.7692308).epsilon(1e-5));
  }
  // Clipped: noise and v follow from what was kept.
  const ConvertedPrediction kept = convert_prediction(DenoiserOutput::kSample, d, x, levels, 1.0);
  CHECK(entry(kept.x0, 0) == 1);
  CHECK(entry(kept.epsilon, 0) == doctest::Approx((1 - .8) / .6));
  CHECK_THROWS_AS(convert_prediction(DenoiserOutput::kV, d, x, std::vector<double>{0}), DataError);
  CHECK_THROWS_AS(prediction_of("noise"), UsageError);
}

TEST_CASE("diffusion: posterior and guidance of two classes") {
  const GaussianOracle::Answer a = two_classes().all(one(.4), .64);
  CHECK(entry(a.x0_class, 0) == doctest::Approx(-.5384615));
  CHECK(entry(a.x0_class, 1) == doctest::Approx(.8461538));
  CHECK(entry(a.posterior, 0) == doctest::Approx(.2260468));
  CHECK(entry(a.x0_uncond, 0) == doctest::Approx(.5331660));
  CHECK(entry(classifier_free(one(.8461538), one(.5331660), 3), 0) == doctest::Approx(1.4721294));
  GaussianOracle oracle = two_classes();
  CHECK(entry(oracle.denoise(one(.4), {0, .64}, IntTensor::full({1}, -1)), 0) == doctest::Approx(.5331660));
  CHECK_THROWS_AS(oracle.denoise(one(.4), {0, .64}, IntTensor::full({1}, 2)), DataError);
  CHECK_THROWS_AS(GaussianOracle(one(0), Tensor::ones({1, 1, 1}), Tensor::zeros({1})), DataError);
}

TEST_CASE("diffusion: DDPM's mean and deviation, and none at the last step") {
  const NoiseLevel level{0, .5}, next{0, .8};
  const DdpmStep s = ddpm_step(one(1), one(.5), level, next, false, one(2));
  const double beta = 1 - .5 / .8, mean = std::sqrt(.8) * beta / .5 * .5 + std::sqrt(.625) * .2 / .5;
  CHECK(entry(s.mean, 0) == doctest::Approx(mean));
  CHECK(s.std == doctest::Approx(std::sqrt(beta * .2 / .5)));
  CHECK(entry(s.x_prev, 0) == doctest::Approx(mean + 2 * s.std));
  CHECK(ddpm_step(one(1), one(.5), level, next, true, one(2)).std == doctest::Approx(std::sqrt(beta)));
  const DdpmStep last = ddpm_step(one(1), one(.5), level, {}, true, one(2));
  CHECK(last.std == 0);
  CHECK(entry(last.x_prev, 0) == doctest::Approx(.5));
  // DDIM with eta 1 is DDPM with the small variance.
  const Tensor eps = noise_of(one(1), one(.5), level);
  CHECK(entry(ddim_step(one(.5), eps, level, next, 1, one(2)), 0) ==
        doctest::Approx(entry(s.x_prev, 0)).epsilon(1e-5));
}

TEST_CASE("diffusion: Frechet distance of N(0,1) and N(1,4) is 2") {
  // Two points have these means and variances exactly.
  const real h = std::sqrt(real(.5));
  const Tensor a = Tensor::from({2, 1}, {-h, h}), b = Tensor::from({2, 1}, {1 - 2 * h, 1 + 2 * h});
  CHECK(frechet_distance(a, b) == doctest::Approx(2));
  CHECK(frechet_distance(a, a) == doctest::Approx(0).epsilon(1e-5));
  CHECK_THROWS_AS(frechet_distance(a, Tensor::ones({1, 1})), DataError);
  CHECK_THROWS_AS(frechet_distance(a, Tensor::ones({2, 2})), ShapeError);
}

TEST_CASE("diffusion: DDIM of the exact denoiser draws its classes; evaluations are counted") {
  GaussianOracle oracle = two_classes();
  Rng rng(5);
  const Tensor x = rng.normal_tensor({40, 1});
  IntTensor classes(Shape{40});
  for (int64 i = 0; i < 40; ++i) classes.mutable_data()[i] = i % 2;
  const Sampled alone = draw(oracle, "ddim:steps=20", "none", "none", x, classes);
  const Sampled guided = draw(oracle, "ddim:steps=20", "cfg:scale=3", "none", x, classes);
  CHECK(alone.evaluations == std::vector<int64>(40, 20));
  CHECK(guided.mean_evaluations() == 40);
  double mean = 0;
  for (int64 i = 0; i < 40; ++i) {
    mean += (i % 2 ? 1 : -1) * entry(alone.x, i) / 40;
    CHECK((entry(guided.x, i) > 0) == (i % 2 == 1));
  }
  CHECK(mean == doctest::Approx(1).epsilon(.15));
  // scale 1 is the class alone, and asks for nothing else.
  const Sampled same = draw(oracle, "ddim:steps=20", "cfg:scale=1", "none", x, classes);
  CHECK(same.x.values() == alone.x.values());
  CHECK(same.evaluations == alone.evaluations);
  // DDPM's noise of a row does not depend on the rows beside it.
  const Sampled all = draw(oracle, "ddpm:steps=10", "none", "none", x, classes),
                two = draw(oracle, "ddpm:steps=10", "none", "none", x.rows(0, 2), classes.rows(0, 2));
  CHECK(entry(all.x, 1) == entry(two.x, 1));
  CHECK(entry(all.x, 0) != entry(alone.x, 0));
  // Estimates beyond the clip are cut before the step.
  const Sampled cut = draw(oracle, "ddim:steps=20,clip=0.5", "none", "none", x, classes);
  for (int64 i = 0; i < 40; ++i) CHECK(std::abs(entry(cut.x, i)) <= .5 + 1e-5);
}

TEST_CASE("diffusion: adaptive guidance's special cases") {
  GaussianOracle oracle = two_classes();
  Rng rng(6);
  const Tensor x = rng.normal_tensor({6, 1});
  const IntTensor classes = IntTensor::from({6}, {0, 1, 0, 1, 0, 1});
  const Sampled cfg = draw(oracle, "ddim:steps=8", "cfg:scale=3", "none", x, classes);
  const Sampled never = draw(oracle, "ddim:steps=8", "adaptive:scale=3,gamma_bar=1.5", "none", x, classes);
  for (int64 i = 0; i < 6; ++i) CHECK(entry(never.x, i) == doctest::Approx(entry(cfg.x, i)).epsilon(1e-5));
  CHECK(never.evaluations == std::vector<int64>(6, 16));
  const Sampled once = draw(oracle, "ddim:steps=8", "adaptive:scale=3,gamma_bar=-1", "none", x, classes);
  CHECK(once.evaluations == std::vector<int64>(6, 9));
  for (int64 i = 0; i < 6; ++i) {
    CHECK(once.guided[i] == 1);
    CHECK(once.guided[6 + i] == 0);
  }
  const Sampled plain = draw(oracle, "ddim:steps=8", "none", "none", x, classes);
  const Sampled unit = draw(oracle, "ddim:steps=8", "adaptive:scale=1,gamma_bar=0.9", "none", x, classes);
  for (int64 i = 0; i < 6; ++i) CHECK(entry(unit.x, i) == doctest::Approx(entry(plain.x, i)).epsilon(1e-5));
  // A model that ignores the class: off after the first step, the same samples. Armed, it never saw them apart.
  Classless model;
  const Sampled off = draw(model, "ddim:steps=8", "adaptive:scale=3,gamma_bar=0.999", "none", x, classes);
  CHECK(off.evaluations == std::vector<int64>(6, 9));
  CHECK(off.x.values() == draw(model, "ddim:steps=8", "none", "none", x, classes).x.values());
  CHECK(draw(model, "ddim:steps=8", "adaptive:scale=3,gamma_bar=0.999,use_arming=true", "none", x, classes)
            .mean_evaluations() == 16);
}

TEST_CASE("diffusion: which steps third-order skips compute") {
  const auto computed = [](ThirdOrderOptions o, int64 steps, auto difference) {
    ThirdOrderRule rule(o);
    std::vector<int64> at;
    for (int64 i = 0; i < steps; ++i) {
      if (rule.computes_next()) at.push_back(i);
      rule.see(difference(i));
    }
    return at;
  };
  const auto generic = [](int64 i) { return 1 + .3 * std::sin(static_cast<double>(i * i)); };
  constexpr double kAlways = 1e9;
  CHECK(computed({.threshold = 0}, 20, generic).size() == 20);
  CHECK(computed({.threshold = kAlways}, 50, generic) ==
        std::vector<int64>{0, 1, 2, 3, 9, 14, 19, 24, 29, 34, 39, 44, 49});
  CHECK(computed({.threshold = kAlways, .reference_quirk = false}, 50, generic) ==
        std::vector<int64>{0, 1, 2, 3, 8, 13, 18, 23, 28, 33, 38, 43, 48});
  CHECK(computed({.threshold = kAlways, .max_skip_steps = 1}, 14, generic) ==
        std::vector<int64>{0, 1, 2, 3, 9, 11, 13});
  CHECK(computed({.threshold = kAlways, .max_skip_steps = 6}, 24, generic) ==
        std::vector<int64>{0, 1, 2, 3, 9, 16, 23});
  CHECK(computed({.threshold = kAlways}, 4, generic).size() == 4);
  CHECK(computed({.threshold = kAlways}, 5, generic).size() == 4);
  // Differences on a line are skipped at any threshold.
  CHECK(computed({.threshold = 0}, 6, [](int64 i) { return 4 - .5 * static_cast<double>(i); }).size() == 4);
  // The criterion: |(cur + p2)/2 - p1| against threshold*p1.
  for (const auto& [cur, skips] : {std::pair{.965, true}, std::pair{.90, false}}) {
    ThirdOrderRule rule({.threshold = .01});
    for (const double d : {0., 1., .98, cur}) rule.see(d);
    CHECK(rule.computes_next() == !skips);
  }
}

TEST_CASE("diffusion: skips reuse noise predictions, unguided, by sample") {
  GaussianOracle oracle = two_classes();
  Rng rng(7);
  const Tensor x = rng.normal_tensor({6, 1});
  const IntTensor classes = IntTensor::from({6}, {0, 1, 0, 1, 0, 1});
  const Sampled full = draw(oracle, "ddim:steps=12", "cfg:scale=2", "none", x, classes);
  const Sampled zero = draw(oracle, "ddim:steps=12", "cfg:scale=2", "third-order:threshold=0", x, classes);
  CHECK(zero.x.values() == full.x.values());
  CHECK(zero.evaluations == std::vector<int64>(6, 24));
  const Sampled uniform = draw(oracle, "ddim:steps=12", "cfg:scale=2", "uniform:interval=3", x, classes);
  CHECK(uniform.evaluations ==
        std::vector<int64>(6, 12));  // steps 0 to 3, 6 and 9, with and without the class
}

TEST_CASE("diffusion: unknown names and options of the tables") {
  CHECK_THROWS_WITH_AS(make_sampler("dim"), doctest::Contains("'ddim'"), UsageError);
  CHECK_THROWS_WITH_AS(make_guidance("apgg"), doctest::Contains("'apg'"), UsageError);
  CHECK_THROWS_WITH_AS(make_skip_policy("uniform:intervl=2"), doctest::Contains("interval"), UsageError);
  CHECK_THROWS_AS(make_sampler("ddim:steps=0"), UsageError);
  CHECK_THROWS_AS(make_guidance("cfg(apg)"), UsageError);
}

}  // namespace gradus::diffusion_sampling_tests
