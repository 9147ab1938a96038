// The exact checks of the papers of step sizes from the loss (Polyak, momo) and of energies; eps inside the root.
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

double value_of(const Function1& f, const Values& x) { return f.f(x); }

}  // namespace

TEST_CASE("polyak-momentum: deterministic forms by hand, negative steps, limits, distances that never grow") {
  const Values x1{7.25, -1.75};
  for (const std::string rule : {"alr-hb", "alr-mag"})
    for (const std::string beta : {"0", "0.5", "0.9"})
      CHECK(near(descend_by(rule + ":beta=" + beta, kLong, {10, 1}), x1, 1e-9, 1e-5));
  Descent ball("alr-hb:beta=0.5", kLong, {10, 1});
  ball.step();
  CHECK(near(ball.scalar("eta"), 0.275, 1e-9, 1e-6));
  CHECK(near(ball.step(), {4.74980404, -.40900975}, 1e-8, 1e-5));
  CHECK(near(ball.scalar("eta"), .15519944, 1e-8, 1e-6));
  CHECK(near(ball.step(), {3.08424101, .61924594}, 1e-8, 1e-5));
  CHECK(near(ball.scalar("eta"), .08746994, 1e-8, 1e-6));
  const Values end = ball.step(57);
  if (kDouble) CHECK(value_of(kLong, end) < 1e-24);
  Descent negative("alr-hb:beta=0.9", kLong, {10, 1});
  negative.step(3);
  CHECK(near(negative.scalar("eta"), -.07870924, 1e-8, 1e-5));
  Descent mag("alr-mag:beta=0.5", kLong, {10, 1});
  mag.step();
  CHECK(near(mag.step(), {5.58658947, -.05264232}, 1e-8, 1e-5));
  CHECK(near(mag.scalar("eta"), .13578861, 1e-8, 1e-6));
  CHECK(near(mag.step(), {4.58746184, .52546125}, 1e-8, 1e-5));
  CHECK(near(mag.scalar("eta"), .08531102, 1e-8, 1e-6));
  // beta = 0 with a cap: SPS_max.
  Descent capped("alr-smag:beta=0,lr=0.1", kLong, {10, 1});
  CHECK(near(capped.step(), {9, 0}, 1e-9, 1e-5));
  CHECK(near(descend_by("alr-shb:beta=0,lr=10", kLong, {10, 1}, 3),
             descend_by("alr-mag:beta=0", kLong, {10, 1}, 3), 1e-9, 1e-4));
  Descent nearing("alr-mag:beta=0.7", kLong, {10, 1});
  Values before{10, 1};
  for (int t = 0; t < 40; ++t) {
    const double f = value_of(kLong, before);
    const Values now = nearing.step();
    const double moved = length(minus(now, before)), eta = nearing.scalar("eta"), d = moved / eta;
    CHECK(length(now) <= length(before) * (1 + 1e-6));
    if (kDouble && d > 0)
      CHECK(length(now) * length(now) <= length(before) * length(before) - f * f / (d * d) + 1e-9);
    before = now;
  }
}

TEST_CASE("momo: steps by hand in every form, MomoAdam, the rules they become under the cap") {
  const auto w = [](const std::string& spec, int steps) { return descend_by(spec, kBowl, {2, 1}, steps); };
  CHECK(near(w("momo:lr=1", 1), {1.6, 0.2}, 1e-9, 1e-6));
  CHECK(near(w("momo:lr=1", 2), {1.58466636, 0.17121031}, 1e-8, 2e-6));
  CHECK(near(w("momo:lr=1", 3), {1.56796047, 0.14183450}, 1e-8, 2e-6));
  CHECK(near(w("momo:lr=0.1", 1), {1.8, 0.6}, 1e-9, 1e-6));
  CHECK(near(w("momo:lr=0.1", 2), {1.602, 0.216}, 1e-9, 1e-6));
  CHECK(near(w("momo:lr=1,bias_correction=true", 1), {1.6, 0.2}, 1e-9, 1e-6));
  CHECK(near(w("momo:lr=1,bias_correction=true", 2), {1.45045278, 0.00646831}, 1e-8, 3e-6));
  CHECK(near(w("momo:lr=1,weight_decay=0.1", 1), {1.49090909, 0.25454545}, 1e-8, 2e-6));
  CHECK(near(w("momo:lr=1,weight_decay=0.1", 2), {1.35537190, 0.23140496}, 1e-8, 2e-6));
  Descent star("momo:lr=1,use_fstar=true", kBowl, {2, 1});
  const double lb[] = {2.0, 0.102, 0.14843305};
  for (int t = 0; t < 3; ++t) {
    const Values x = star.step();
    CHECK(near(star.scalar("lb"), lb[t], 1e-8, 1e-5));
    if (t == 1) CHECK(near(x, {1.59233318, 0.18560515}, 1e-8, 2e-6));
  }
  CHECK(near(w("momo:lr=1,beta=0", 2), {0.92, -0.14}, 1e-9, 2e-6));
  CHECK(near(w("momo-adam:lr=10", 1), {1.33333333, 0.33333333}, 1e-7, 3e-6));
  CHECK(near(w("momo-adam:lr=10", 2), {1.18639749, 0.20143223}, 1e-7, 5e-6));
  CHECK(near(w("momo-adam:lr=1e-2", 1), {1.99, 0.99}, 1e-8, 1e-6));
  CHECK(near(w("momo-adam:lr=1e-3", 5), w("adam:lr=1e-3", 5), 1e-12, 1e-6));
  // torch's first velocity is undamped, as momo's first mean is g.
  CHECK(near(w("momo:lr=1e-3", 5), w("sgd:lr=1e-3,momentum=0.9,dampening=0.9", 5), 1e-12, 1e-6));
}

TEST_CASE("aegd, aepg: the energy law, steps by hand, huge step sizes, the simplex, one dimension") {
  Descent descent("aepg:lr=0.1", kBowl, {2, 1});
  CHECK(near(descent.step(), {1.83333333, .66666667}, 1e-8, 1e-6));
  CHECK(near(descent.scalar("r"), 1.86338998, 1e-8, 1e-6));
  CHECK(near(descent.step(), {1.67564562, .43730271}, 1e-8, 1e-6));
  CHECK(near(descent.scalar("r"), 1.62501264, 1e-8, 1e-6));
  CHECK(near(descend_by("aepg:lr=100", kBowl, {2, 1}), {1.00497512, -.99004975}, 1e-8, 1e-5));
  // r'^2 = r^2 - (r' - r)^2 - ||x' - x||^2/lr
  Descent law("aepg:lr=0.3", kLong, {1, 0.5});
  Values before{1, 0.5};
  double r = std::sqrt(value_of(kLong, before) + 1);
  for (int t = 0; t < 10; ++t) {
    const Values now = law.step();
    const double next = law.scalar("r"), moved = length(minus(now, before));
    CHECK(near(next * next, r * r - (next - r) * (next - r) - moved * moved / 0.3, 1e-12, 1e-5));
    r = next, before = now;
  }
  Descent simplex("aepg:lr=0.05,preconditioner=entropy", kLong, {0.4, 0.6});
  for (int t = 0; t < 10; ++t) {
    const Values x = simplex.step();
    CHECK(near(x[0] + x[1], 1, 1e-13, 1e-6));
  }
  CHECK(near(descend_by("aegd:lr=0.2", diagonal_quadratic({3}), {2}, 6),
             descend_by("aepg:lr=0.2", diagonal_quadratic({3}), {2}, 6), 1e-12, 1e-6));
}

TEST_CASE(
    "rmsprop, adam with eps inside the root: first steps, equality, signs, bounds, SGD for a large eps") {
  const std::string options = ":lr=0.1,beta2=0.99,eps=1e-8,eps_inside_root=true",
                    no = ",bias_correction=false";
  CHECK(near(run("rmsprop" + options, {{3, -.5}}, {0, 0}, {2})[0], {-.99999994, .999998}, 1e-8, 1e-6));
  CHECK(near(run("adam" + options + no + ",beta1=0.9", {{3, -.5}}, {0, 0}, {2})[0], {-.099999994, .0999998},
             1e-8, 1e-7));
  const auto adam = run("adam" + options + no + ",beta1=0"), rmsprop = run("rmsprop" + options);
  CHECK(adam == rmsprop);
  CHECK(near(run("rmsprop:lr=0.1,beta2=0,eps=1e-37,eps_inside_root=true", {{3, -.5}}, {0, 0}, {2})[0],
             {-.1, .1}));
  CHECK(near(run("rmsprop:lr=1e5,eps=1e12,eps_inside_root=true")[2], run("sgd:lr=0.1")[2], 1e-9, 1e-6));
  Values before = kW0;
  for (const Values& w : rmsprop) {
    for (size_t i = 0; i < 3; ++i) CHECK(std::abs(w[i] - before[i]) <= 0.1 / std::sqrt(0.01) + 1e-6);
    before = w;
  }
  const std::string sharp = "rmsprop:lr=0.1,beta2=0.9,eps=1e-37,eps_inside_root=true";
  CHECK(near(run(sharp)[2], run(sharp, scaled(kG, 1024))[2], 1e-12, 1e-6));
  CHECK_THROWS_AS(run("adam:eps_inside_root=true,amsgrad=true"), UsageError);
  CHECK_THROWS_AS(run("adam:variance=rank1,cautious=true"), UsageError);
}
