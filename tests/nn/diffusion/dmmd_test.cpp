// MMD, its penalised features and flows: the figures of the card.
#include "nn/diffusion/dmmd.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/diffusion/mmd.h"

using namespace gradus;

namespace gradus::dmmd_tests {

double entry(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }
Tensor column(std::initializer_list<real> v) { return Tensor::from({static_cast<int64>(v.size()), 1}, v); }
const LevelFeatures kIdentity = [](const Tensor& x, double) { return x * real(1); };

TEST_CASE("mmd: both estimators, and shifts change nothing") {
  const Tensor x = column({1, 3}), y = column({0, 0});
  CHECK(static_cast<double>(mmd_squared(x, y).item()) == doctest::Approx(3));
  CHECK(static_cast<double>(mmd_squared(x, y, {.estimator = "biased"}).item()) == doctest::Approx(4));
  const Tensor a = x + real(5), b = y + real(5);
  CHECK(static_cast<double>(mmd_squared(a, b).item()) == doctest::Approx(3));
  CHECK(static_cast<double>(mmd_squared(a, b, {.estimator = "biased"}).item()) == doctest::Approx(4));
  CHECK_THROWS_AS(mmd_squared(column({1}), y), DataError);
  CHECK_THROWS_AS(mmd_squared(x, Tensor::ones({2, 2})), ShapeError);
}

TEST_CASE("mmd: sums give what the loops over pairs give, in both kernels") {
  Rng rng(11);
  const Tensor x = rng.normal_tensor({5, 3}), y = rng.normal_tensor({4, 3});
  for (const bool rbf : {false, true})
    for (const bool biased : {false, true}) {
      const auto k = [&](const Tensor& a, int64 i, const Tensor& b, int64 j) {
        double dot = 0, gap = 0;
        for (int64 c = 0; c < 3; ++c) {
          dot += entry(a, 3 * i + c) * entry(b, 3 * j + c);
          gap += std::pow(entry(a, 3 * i + c) - entry(b, 3 * j + c), 2);
        }
        return rbf ? std::exp(-gap / (2 * .7 * .7)) : dot;
      };
      const auto mean = [&](const Tensor& a, const Tensor& b, bool others) {
        double sum = 0, count = 0;
        for (int64 i = 0; i < a.dim(0); ++i)
          for (int64 j = 0; j < b.dim(0); ++j)
            if (!others || i != j) sum += k(a, i, b, j), count += 1;
        return sum / count;
      };
      const double expected = mean(x, x, !biased) + mean(y, y, !biased) - 2 * mean(x, y, false);
      const Tensor got = mmd_squared(
          x, y,
          {.kernel = rbf ? "rbf" : "linear", .estimator = biased ? "biased" : "unbiased", .bandwidth = .7});
      CHECK(static_cast<double>(got.item()) == doctest::Approx(expected).epsilon(1e-5));
    }
}

TEST_CASE("mmd: energy distance by hand") {
  CHECK(energy_distance(column({0, 2}), column({1})) == doctest::Approx(2 * 1 - 1 - 0));
  CHECK(energy_distance(column({0, 2}), column({0, 2})) == doctest::Approx(0));
}

TEST_CASE("dmmd: identical batches have no witness; the penalty is 1, without NaN") {
  const Tensor x = Rng(12).normal_tensor({1, 4, 2});
  const Tensor w = variable(Rng(13).normal_tensor({3, 2}));
  const LevelFeatures phi = [&](const Tensor& z, double) { return linear(z, w); };
  const DmmdLoss loss = dmmd_loss(phi, x, x, Tensor::full({1, 4}, real(.5)), std::vector<double>{.5});
  CHECK(loss.gradient_penalty[0] == doctest::Approx(1));
  const Tensor g = grad(loss.loss, {w})[0];
  for (int64 i = 0; i < g.numel(); ++i) CHECK(std::isfinite(entry(g, i)));
  // -(biased variance of the features) * 2/(B - 1).
  const Tensor f = linear(x.view({4, 2}), w.detach());
  double variance = 0;
  for (int64 c = 0; c < 3; ++c) {
    double m = 0;
    for (int64 i = 0; i < 4; ++i) m += entry(f, 3 * i + c) / 4;
    for (int64 i = 0; i < 4; ++i) variance += std::pow(entry(f, 3 * i + c) - m, 2) / 4;
  }
  CHECK(loss.mmd2[0] == doctest::Approx(-variance * 2 / 3).epsilon(1e-4));
}

TEST_CASE("dmmd: the gradient goes through both means and the penalty (finite differences)") {
  Rng rng(14);
  const Tensor x0 = rng.normal_tensor({2, 4, 2}), x_t = rng.normal_tensor({2, 4, 2}),
               u = rng.uniform_tensor({2, 4}), start = rng.normal_tensor({3, 2}),
               along = rng.normal_tensor({3, 2});
  const std::vector<double> t = {.2, .8};
  const auto loss = [&](const Tensor& w) {
    return dmmd_loss([&](const Tensor& z,
                         double level) { return silu(linear(z, w)) * static_cast<real>(1 + level); },
                     x0, x_t, u, t)
        .loss;
  };
  const Tensor w = variable(start);
  const Tensor g = grad(loss(w), {w})[0];
  double slope = 0;
  for (int64 i = 0; i < g.numel(); ++i) slope += entry(g, i) * entry(along, i);
  const real h = sizeof(real) == 8 ? real(1e-5) : real(1e-2);
  const double up = static_cast<double>(loss(start + along * h).item()),
               down = static_cast<double>(loss(start - along * h).item());
  CHECK((up - down) / (2 * static_cast<double>(h)) ==
        doctest::Approx(slope).epsilon(sizeof(real) == 8 ? 1e-6 : 2e-2));
}

TEST_CASE("dmmd: features that are the points move all particles as one") {
  Rng rng(15);
  const Tensor z = rng.normal_tensor({6, 2}), x0 = rng.normal_tensor({9, 2}, 2);
  DmmdFlowOptions o;
  o.num_levels = 1, o.steps_per_level = 3, o.step_size = .2, o.denoise_steps = 1;
  const DmmdFlow flow = dmmd_flow(kIdentity, z, x0, o);
  const auto mean = [](const Tensor& p, int64 c) {
    double m = 0;
    for (int64 i = 0; i < p.dim(0); ++i) m += entry(p, 2 * i + c) / static_cast<double>(p.dim(0));
    return m;
  };
  for (int64 c = 0; c < 2; ++c) {
    const double gap = mean(z, c) - mean(x0, c);
    CHECK(mean(flow.particles, c) - mean(x0, c) == doctest::Approx(gap * std::pow(.8, 7)).epsilon(1e-4));
    CHECK(entry(flow.level_means, c) - mean(x0, c) == doctest::Approx(gap * std::pow(.8, 3)).epsilon(1e-4));
    CHECK(entry(flow.particles, c) - entry(flow.particles, 2 + c) ==
          doctest::Approx(entry(z, c) - entry(z, 2 + c)).epsilon(1e-4));
  }
  // With the particles' own mean features stored, the first approximate step is the exact one.
  o.steps_per_level = 1, o.denoise_steps = 0;
  const DmmdFlow exact = dmmd_flow(kIdentity, z, x0, o);
  o.mode = "approximate";
  CHECK_THROWS_AS(dmmd_flow(kIdentity, z, x0, o), UsageError);
  const DmmdFlow stored = dmmd_flow(kIdentity, z, x0, o, [&](int64) { return z; });
  CHECK(entry(stored.level_means, 0) == doctest::Approx(entry(exact.level_means, 0)));
  CHECK(entry(stored.level_means, 2) != doctest::Approx(entry(exact.level_means, 2)));
}

}  // namespace gradus::dmmd_tests
