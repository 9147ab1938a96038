// The exact checks of the papers of step sizes that set themselves.
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

const Function1 kRound = diagonal_quadratic({1, 1});
const Function1 kLong = diagonal_quadratic({1, 10});

double value_of(const Function1& f, const Values& x) { return f.f(x); }

}  // namespace

TEST_CASE(
    "adagrad-norm: steps by hand, bounded steps, scale invariance, equal gradients, sums of the theory") {
  const auto w = run("adagrad-norm:lr=1,b0=0", {{3, 4}, {0, 12}}, {0, 0}, {2});
  CHECK(near(w[0], {-.6, -.8}));
  CHECK(near(w[1], {-.6, -1.72307692}, 1e-8, 1e-6));
  Descent descent("adagrad-norm:lr=0.5,b0=1", diagonal_quadratic({1}), {1});
  const double x[] = {.64644661, .43858030, .30284950}, s[] = {2, 2.41789322, 2.61024590};
  for (int t = 0; t < 3; ++t) {
    CHECK(near(descent.step(), {x[t]}, 1e-8, 1e-6));
    CHECK(near(descent.scalar("S"), s[t], 1e-8, 1e-6));
  }
  CHECK(near(descend_by("adagrad-norm:lr=0.5,b0=1", kLong, {1, 2}, 6),
             descend_by("adagrad-norm:lr=0.5,b0=9", times(kLong, 9), {1, 2}, 6), 1e-12, 1e-5));
  const auto equal = run("adagrad-norm:lr=1,b0=0", constant({3, 4}, 5), {0, 0}, {2});
  Values before{0, 0};
  double squares = 0, steps = 0, sum = 0, logs = 0;
  for (int t = 1; t <= 5; ++t) {
    const Values& now = equal[static_cast<size_t>(t - 1)];
    CHECK(near(length(minus(now, before)), 1 / std::sqrt(double(t)), 1e-12, 1e-6));
    CHECK(length(minus(now, before)) <= 1 + 1e-6);
    squares += 25;
    if (t > 1)
      sum += 25 / std::sqrt(squares), logs += 25 / squares, steps += std::pow(length(minus(now, before)), 2);
    before = now;
  }
  CHECK(sum <= 2 * (std::sqrt(squares) - std::sqrt(25.0)));
  CHECK(steps <= std::log(squares / 25) * (1 + 1e-6));
  CHECK(near(steps, logs, 1e-12, 1e-6));
  // A rotation of the weights commutes with the method, unlike AdaGrad by coordinates.
  const double c = 0.6, d = 0.8;
  const std::vector<Values> gs{{1, 2}, {-1, 0.5}, {0.3, 1}};
  std::vector<Values> turned;
  for (const Values& g : gs) turned.push_back({c * g[0] - d * g[1], d * g[0] + c * g[1]});
  const Values a = run("adagrad-norm", gs, {0, 0}, {2})[2], b = run("adagrad-norm", turned, {0, 0}, {2})[2];
  CHECK(near({c * a[0] - d * a[1], d * a[0] + c * a[1]}, b, 1e-12, 1e-6));
}

TEST_CASE("smb: a model step by hand, an accepted step, the system it solves, bounds, SGD for small steps") {
  const std::string spec = "smb:lr=0.5,eta=0.99,c=0.1";
  Descent descent(spec, kBowl, {2, 1});
  CHECK(near(descent.step(), {1, -1}));
  const Values x = descent.step();
  CHECK(near(x, {.75198961, -.61429833}, 1e-8, 1e-6));
  CHECK(near(value_of(kBowl, x), 1.03746907, 1e-8, 2e-6));
  // (y s_t' + s_t y' + 2 sigma I) s = -||s_t||^2 g
  const Values g{1, -4}, st{-.5, 2}, s = minus(x, {1, -1}), y{-.5, 8};
  const double sigma = 4.43023073, ss = 4.25;
  double ys = 0, sts = 0, sg = 0;
  for (size_t i = 0; i < 2; ++i) ys += y[i] * s[i], sts += st[i] * s[i], sg += s[i] * g[i];
  for (size_t i = 0; i < 2; ++i)
    CHECK(near(y[i] * sts + st[i] * ys + 2 * sigma * s[i], -ss * g[i], 1e-6, 1e-4));
  CHECK(length(s) <= 0.99 * length(st) + 1e-9);
  CHECK(sg < 0);
  // y = 0: a linear loss that reports no decrease.
  const Function1 flat{[](const Values&) { return 1.0; }, [](const Values&) { return Values{1, 2}; }};
  CHECK(near(descend_by("smb:lr=0.1,eta=0.9", flat, {0, 0}), {-0.09, -0.18}, 1e-9, 1e-6));
  CHECK(near(descend_by("smb:lr=0.01", kBowl, {2, 1}, 5), descend_by("sgd:lr=0.01", kBowl, {2, 1}, 5)));
}

TEST_CASE(
    "prodigy: three steps by hand, the absolute value, scale of the loss, d never falls, Adam when frozen") {
  Descent descent("prodigy:d0=0.1", kRound, {1, -2});
  CHECK(near(descent.step(), {0.68377233, -1.68377228}, 1e-7, 1e-6));
  CHECK(near(descent.step(), {0.27020621, -1.26226536}, 1e-7, 1e-6));
  CHECK(near(descent.scalar("d"), 0.13952237, 1e-7, 1e-6));
  CHECK(near(descent.step(), {-0.35706777, -0.57654311}, 1e-7, 2e-6));
  CHECK(near(descent.scalar("d"), 0.35283226, 1e-7, 1e-6));
  Descent line("prodigy", absolute(), {1});
  const Values first = line.step();
  if (kDouble) CHECK(near(1 - first[0], 3.1622767e-6, 1e-12, 1));
  CHECK(near(line.scalar("d"), 1e-6, 1e-12, 1e-9));
  line.step();
  CHECK(near(line.scalar("d") * 1e6, 1.5815338, 1e-6, 0.1));
  line.step();
  if (kDouble) CHECK(near(line.scalar("d") * 1e6, 4.8224069, 1e-6, 1));
  CHECK(near(descend_by("prodigy:d0=0.1,eps=1e-30", kLong, {1, 2}, 6),
             descend_by("prodigy:d0=0.1,eps=1e-30", times(kLong, 64), {1, 2}, 6), 1e-9, 1e-4));
  Descent rising("prodigy:d0=0.01", kLong, {1, 2});
  double d = 0;
  for (int t = 0; t < 30; ++t) {
    rising.step();
    CHECK(rising.scalar("d") >= d);
    d = rising.scalar("d");
  }
  // d0*lr as the step size of an Adam without bias correction; eps is added to d*sqrt(v) scaled alike.
  CHECK(near(descend_by("prodigy:d0=0.1,d_coef=1e-12,eps=1e-30", kBowl, {2, 1}, 6),
             descend_by("adam:lr=0.1,bias_correction=false,eps=1e-30", kBowl, {2, 1}, 6), 1e-9, 1e-5));
}

TEST_CASE("d-adaptation: SGD, Adam and AdaGrad forms by hand, the identity of num, scale of the loss") {
  Descent sgd("dadapt-sgd:d0=0.1", kRound, {3, 4});
  CHECK(near(sgd.step(), {2.94, 3.92}, 1e-9, 1e-6));
  CHECK(near(sgd.scalar("G0"), 5, 1e-9, 1e-6));
  CHECK(near(sgd.step(), {2.8812, 3.8416}, 1e-9, 1e-6));
  CHECK(near(sgd.scalar("num"), 0.0098, 1e-9, 1e-7));
  CHECK(near(sgd.scalar("d"), 0.1, 1e-9, 1e-7));
  CHECK(near(sgd.step(), {2.823576, 3.764768}, 1e-9, 2e-6));
  CHECK(near(sgd.scalar("d"), 0.196, 1e-9, 1e-6));
  CHECK(near(sgd.step(), {2.7128918, 3.6171891}, 1e-7, 3e-6));
  CHECK(near(sgd.scalar("d"), 0.34715227, 1e-8, 2e-6));
  Descent adam("dadapt-adam:d0=0.1", kRound, {3, 4});
  CHECK(near(adam.step(), {2.6837723, 3.6837723}, 1e-7, 2e-6));
  CHECK(near(adam.step(), {2.2607001, 3.2600836}, 1e-7, 5e-5));
  CHECK(near(adam.scalar("d"), 1.5067252, 1e-7, 2e-4));
  adam.step();
  CHECK(near(adam.scalar("d"), 4.0575244, 1e-7, 1e-3));
  Descent grad("dadapt-adagrad:d0=0.1", kRound, {3, 4});
  CHECK(near(grad.step(), {2.9, 3.9}, 1e-7, 2e-6));
  CHECK(near(grad.step(), {2.8585990, 3.8585900}, 1e-7, 2e-6));
  grad.step();
  CHECK(near(grad.scalar("d"), 0.1, 1e-12, 1e-7));
  grad.step();
  CHECK(near(grad.scalar("d"), 0.13075283, 1e-8, 1e-4));
  Descent line("dadapt-sgd", absolute(), {1});
  const double d[] = {1, 1, 2, 3.6};
  for (double expected : d) {
    line.step();
    CHECK(near(line.scalar("d") * 1e6, expected, 1e-9, 1e-3));
  }
  for (const std::string rule : {"dadapt-sgd", "dadapt-adam", "dadapt-adagrad"}) {
    CAPTURE(rule);
    const std::string spec = rule + ":d0=0.01" + (rule == "dadapt-sgd" ? "" : ",eps=1e-30");
    CHECK(near(descend_by(spec, kLong, {1, 2}, 8), descend_by(spec, times(kLong, 16), {1, 2}, 8),
               rule == "dadapt-adagrad" ? 1e-4 : 1e-9, 1e-3));
    Descent rising(spec, kLong, {1, 2});
    double last = 0;
    for (int t = 0; t < 20; ++t) {
      rising.step();
      CHECK(rising.scalar("d") >= last);
      last = rising.scalar("d");
    }
  }
}

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
