// Exact checks of the papers of rules near Adam that are not figures: when a rule is Adam, and what its steps never exceed.
#include "core/rng.h"
#include "optim/rules/twofold.h"
#include "optim/vocabulary/words.h"
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

// The moves of two rules of one element each, step by step, under the same gradients.
struct Race {
  Race(const std::string& a, const std::string& b) : first(a, kW0), second(b, kW0) {}
  template <class Check>
  void run(int steps, const Check& check) {
    Rng rng(11);
    Values wa = kW0, wb = kW0;
    for (int t = 1; t <= steps; ++t) {
      Values g(3);
      for (double& x : g) x = rng.normal();
      const Values na = first.step(g), nb = second.step(g);
      for (size_t i = 0; i < 3; ++i) check(g[i], na[i] - wa[i], nb[i] - wb[i]);
      wa = na, wb = nb;
    }
  }
  Probe first, second;
};

}  // namespace

TEST_CASE("adabelief: with the gradient for surprise and no eps it is Adam") {
  Probe adam("adam:lr=0.01,eps=1e-37", kW0);
  const std::string name = "w";
  Tensor w = tensor({3}, kW0);
  State s({3});
  rules::TwofoldOptions o;
  o.lr = 0.01, o.eps = 0;
  for (int t = 1; t <= 3; ++t) {
    const Values& g = kG[static_cast<size_t>(t - 1)];
    Param p{name, ParamKind::kBias, w, tensor({3}, g), 0};
    const Ema first(o.beta1), second(o.beta2);
    const double step = o.lr / bias_correction(o.beta1, t), root = 1 / std::sqrt(bias_correction(o.beta2, t));
    rules::twofold_update(
        p, s, o, {.t = t, .step = t},
        [=](real x, real& m, real& v) {
          m = first(m, x);
          v = second(v, square(x));
        },
        [=](real& x, real m, real v) { x -= real(step) * m / (std::sqrt(v) * real(root)); });
    CHECK(near(values_of(w), adam.step(g), 1e-14, 1e-7));
  }
}

TEST_CASE("adabound: the bounds of steps 1000 and 10000 enclose final_lr") {
  for (const auto& [t, lower, upper] : std::vector<std::array<double, 3>>{
           {1000, 0.05, 0.2}, {10000, 0.1 * (1 - 1 / 11.0), 0.1 * (1 + 1 / 10.0)}}) {
    // After t-1 zero gradients a tiny one meets the upper bound, a huge one the lower.
    Probe probe("adabound:eps=1e-37", {0, 0});
    for (int i = 1; i < static_cast<int>(t); ++i) probe.step({0, 0});
    const Values w = probe.step({1e-8, 1e4});
    CHECK(near(-w[0] / (0.1 * 1e-8), upper, 1e-9, 1e-5));
    CHECK(near(-w[1] / (0.1 * 1e4), lower, 1e-9, 1e-5));
  }
}

TEST_CASE("adam-cm: the second step moves every element by the same, along the sign of u") {
  const auto w = run("adam-cm:lr=0.01");
  const Values u{0.08, -0.29, 0.025}, d = moves(w, 1);
  for (size_t i = 0; i < 3; ++i) CHECK(near(d[i], u[i] > 0 ? -0.0744137 : 0.0744137, 1e-7, 1e-6));
}

TEST_CASE("diffgrad: between half of Adam's step and all of it") {
  Race race("diffgrad:lr=0.01,eps=1e-37", "adam:lr=0.01,eps=1e-37");
  race.run(50, [](double, double d, double a) {
    CHECK(d * a >= 0);
    CHECK(std::abs(d) >= 0.5 * std::abs(a) - tolerance(1e-12, 1e-6));
    CHECK(std::abs(d) <= std::abs(a) + tolerance(1e-12, 1e-6));
  });
  CHECK(near(run("diffgrad:lr=0.01,eps=1e-37")[0][1] + 2, 0.01 * 0.5744425168));
}

TEST_CASE("opt-amsgrad: aux without prediction is AMSGrad's iterate; extrapolated gradients") {
  Probe probe("opt-amsgrad:lr=0.01,predictor=zero,bias_correction=false", kW0);
  Values w = kW0, m(3), v(3), top(3);
  for (const Values& g : kG) {
    probe.step(g);
    for (size_t i = 0; i < 3; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
      top[i] = std::max(top[i], v[i]);
      w[i] -= 0.01 * m[i] / (std::sqrt(top[i]) + 1e-8);
    }
    CHECK(near(values_of(*probe.optimizer->slot(*probe.p, "aux")), w, 1e-14, 1e-6));
  }
  // 1, 0.5, 0.25 and on: every guess is near the limit 0 as soon as three gradients are known.
  Probe guess("opt-amsgrad:r=2", {0});
  const auto pred = [&] { return guess.optimizer->slot(*guess.p, "pred")->item(); };
  guess.step({1});
  guess.step({0.5});
  CHECK(pred() == 0);
  guess.step({0.25});
  CHECK(near(pred(), 0.0116279070, 1e-9, 1e-6));
  guess.step({4 * 0.25});
  guess.step({4 * 0.125});
  guess.step({4 * 0.0625});  // differences -0.5, -0.25 again
  CHECK(near(pred(), 0.0116279070, 1e-9, 1e-6));
}

TEST_CASE("adamod: no step is longer than Adam's") {
  Race race("adamod:lr=0.01,beta3=0.9,eps=1e-20", "adam:lr=0.01,eps=1e-20");
  race.run(50,
           [](double, double m, double a) { CHECK(std::abs(m) <= std::abs(a) + tolerance(1e-12, 1e-6)); });
}

TEST_CASE("radam: rho of the first steps, r towards 1, Adam without r") {
  const double rho[] = {1.000000, 1.999500, 2.998666, 3.997499, 4.995998, 5.994164, 6.991996}, most = 1999;
  for (int t = 1; t <= 7; ++t) {
    const auto r = rectification(0.999, t);
    CHECK(r.has_value() == (rho[t - 1] >= 5));
    const double x = rho[t - 1];
    if (r) CHECK(std::abs(*r - std::sqrt((x - 4) * (x - 2) * most / ((most - 4) * (most - 2) * x))) < 1e-7);
  }
  CHECK(std::abs(*rectification(0.999, 100000) - 1) < 1e-12);
  CHECK(!rectification(0.6, 100000).has_value());
  Race race("radam:lr=0.01,eps=1e-37", "adam:lr=0.01,eps=1e-37");
  int call = 0;
  race.run(12, [&](double, double r, double a) {
    const auto factor = rectification(0.999, call++ / 3 + 1);
    CHECK(near(r, factor ? *factor * a : 0, 1e-12, 1e-6));
  });
}

TEST_CASE("grams: no direction of Adam's lengths decreases the loss faster") {
  Race race("grams:lr=0.01,eps=1e-37", "adam:lr=0.01,eps=1e-37");
  race.run(50, [](double g, double d, double a) {
    CHECK(near(std::abs(d), std::abs(a), 1e-12, 1e-6));
    CHECK(g * d <= g * a + tolerance(1e-12, 1e-6));
  });
}

TEST_CASE("innaprop: for alpha*beta = 1 the momentum stays zero") {
  Probe probe("innaprop:alpha=0.5,beta=2,form=momentum", kW0);
  for (const Values& g : kG) probe.step(g);
  CHECK(values_of(*probe.optimizer->slot(*probe.p, "u")) == Values{0, 0, 0});
}

TEST_CASE("adopt: scale invariance while gradients exceed eps") {
  const auto a = run("adopt:lr=0.01,eps=1e-20"), b = run("adopt:lr=0.01,eps=1e-20", scaled(kG, 1000));
  for (size_t t = 0; t < 3; ++t) CHECK(near(a[t], b[t]));
}

TEST_CASE("ademamix: equal betas make one mean of both") {
  const auto w = run("ademamix:lr=0.01,beta1=0.9,beta3=0.9,alpha=3");
  Values at = kW0, m(3), v(3);
  for (int t = 1; t <= 3; ++t) {
    for (size_t i = 0; i < 3; ++i) {
      const double g = kG[static_cast<size_t>(t - 1)][i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      at[i] -= 0.01 * m[i] * (1 / bias_correction(0.9, t) + 3) /
               (std::sqrt(v[i] / bias_correction(0.999, t)) + 1e-8);
    }
    CHECK(near(w[static_cast<size_t>(t - 1)], at));
  }
}
