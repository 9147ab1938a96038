// The exact checks of the papers of step sizes from gradient norms, trial steps and the distance to the solution.
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

const Function1 kRound = diagonal_quadratic({1, 1});

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
  CHECK(near(kBowl.f(x), 1.03746907, 1e-8, 2e-6));
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
