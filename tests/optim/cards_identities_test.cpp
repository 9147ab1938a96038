// Exact checks of the papers that are not figures: what a rule becomes in a limit, what no step may exceed, which
// quantity stays the same.
#include "core/linalg.h"
#include "core/rng.h"
#include "optim/rules/adam.h"
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

double dot(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
double size(const Values& a) { return std::sqrt(dot(a, a)); }
Values difference(const Values& a, const Values& b) {
  Values d = a;
  for (size_t i = 0; i < d.size(); ++i) d[i] -= b[i];
  return d;
}

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
    rules::twofold_update(p, s, o, {.t = t, .step = t}, 0, [](real x, real) { return x; });
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

TEST_CASE("mars-shampoo: five Newton-Schulz iterations leave these singular values") {
  const Tensor x = linalg::newton_schulz(tensor({2, 3}, kM0), linalg::newton_schulz_classic(5));
  const Values v = values_of(x);
  // Those of a 2x3 matrix from trace and determinant of X X'.
  const double a = v[0] * v[0] + v[1] * v[1] + v[2] * v[2], c = v[3] * v[3] + v[4] * v[4] + v[5] * v[5];
  const double b = v[0] * v[3] + v[1] * v[4] + v[2] * v[5];
  const double half = (a + c) / 2, root = std::sqrt(half * half - (a * c - b * b));
  CHECK(near(std::sqrt(half + root), 0.9203951140, 1e-7, 1e-4));
  CHECK(near(std::sqrt(half - root), 0.7000269941, 1e-7, 1e-4));
}

TEST_CASE("swats: gamma is the length of the gradient step that projects onto p; no lam without p.g") {
  const Values start{0, 0};
  Probe probe("swats:lr=0.01,switch_tol_abs=0", start);
  const auto lam = [&] { return probe.optimizer->scalar("lam").value_or(0); };
  Values before = start;
  double kept = 0;
  for (const Values& g : std::vector<Values>{{0.1, -0.4}, {0.3, -0.1}, {-0.2, -0.3}}) {
    const Values w = probe.step(g), p = difference(w, before);
    const double gamma = (lam() - 0.999 * kept) / 0.001;
    CHECK(near(-gamma * dot(g, p) / dot(p, p), 1, 1e-9, 1e-3));  // the projection of -gamma*g on p is p
    before = w, kept = lam();
  }
  probe.step({0, 0});
  CHECK(lam() == kept);
  // p = -c*g: gamma = c = lr/|g|.
  Probe along("swats:lr=0.01,eps=1e-37,switch_tol_abs=0", {1});
  along.step({0.1});
  CHECK(near(*along.optimizer->scalar("lam") / 0.001, 0.1, 1e-9, 1e-6));
}

TEST_CASE("swats: a constant gradient goes on at Adam's speed after the switch; uphill never switches") {
  const auto w = run("swats:eps=1e-37,switch_tol_abs=1e-6", constant({0.1}, 200), {1}, {1});
  CHECK(near(moves(w, 199, {1})[0], -1e-3, 1e-9, 1e-6));
  // A long mean against a small gradient: p.g > 0, gamma and lam negative.
  Probe up("swats:lr=0.01,switch_tol_abs=1e9", {0});
  up.step({1});
  up.step({-1e-3});
  CHECK(*up.optimizer->scalar("lam") < 0);
  CHECK(up.optimizer->scalar("sgd").value_or(0) == 0);
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

TEST_CASE("lion: every element moves by lr; equal betas step by the sign of the momentum") {
  for (const double d : moves(run("lion:lr=0.01"), 2)) CHECK(near(std::abs(d), 0.01));
  const auto w = run("lion:lr=0.01,beta1=0.8,beta2=0.8");
  Values m(3), at = kW0;
  for (size_t t = 0; t < 3; ++t) {
    for (size_t i = 0; i < 3; ++i) {
      m[i] = 0.8 * m[i] + 0.2 * kG[t][i];
      at[i] -= m[i] > 0 ? 0.01 : -0.01;
    }
    CHECK(near(w[t], at));
  }
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

TEST_CASE("adamp: a projected step adds its square to the square of the row") {
  const Values w{3, 4, 1, 0}, g{-0.4, 0.3, 0, 0.2};
  const Values after = run_matrix("adamp:lr=0.01,eps=1e-30", {g}, w, {2, 2})[0];
  for (size_t r = 0; r < 4; r += 2) {
    const Values old{w[r], w[r + 1]}, now{after[r], after[r + 1]}, d = difference(now, old);
    CHECK(near(dot(now, now), dot(old, old) + dot(d, d), 1e-12, 1e-5));
  }
  // Where only the tensor as a whole is orthogonal to its gradient it is projected as a whole.
  const Values whole{1, 2, 2, 1}, gw{2, 1, -1, -2};
  const Values moved = run_matrix("adamp:lr=0.01,eps=1e-30", {gw}, whole, {2, 2})[0];
  CHECK(near(dot(difference(moved, whole), whole), 0, 1e-12, 1e-5));
  CHECK(std::abs((moved[0] - 1) * 1 + (moved[1] - 2) * 2) > 1e-3);
}

TEST_CASE("adopt: scale invariance while gradients exceed eps") {
  const auto a = run("adopt:lr=0.01,eps=1e-20"), b = run("adopt:lr=0.01,eps=1e-20", scaled(kG, 1000));
  for (size_t t = 0; t < 3; ++t) CHECK(near(a[t], b[t]));
}

TEST_CASE("adan: clipped gradients are those of the whole history") {
  // Gradients already at the limit, and the same ones longer, each by a factor of its own.
  std::vector<Values> unit = kG, longer;
  double factor = 2;
  for (Values& g : unit) {
    const double n = size(g);
    for (double& x : g) x *= 0.5 / n;
    longer.push_back(g);
    for (double& x : longer.back()) x *= factor;
    factor *= 3;
  }
  const auto a = run("adan:lr=0.01,max_grad_norm=0.5", unit),
             b = run("adan:lr=0.01,max_grad_norm=0.5", longer);
  for (size_t t = 0; t < 3; ++t) CHECK(near(a[t], b[t], 1e-8));
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

TEST_CASE("adafactor: margins of V, steps of bounded size, scales of gradient and weight") {
  Probe probe("adafactor", {2, 3}, kM0);
  Values before = kM0;
  for (int t = 1; t <= 4; ++t) {
    const Values w = probe.step(scaled(kGM, t * t)[static_cast<size_t>(t % 2)]), d = difference(w, before);
    const double alpha = 0.01 * size(before) / std::sqrt(6.0);
    CHECK(size(d) / std::sqrt(6.0) <= alpha * (1 + tolerance(1e-12, 1e-5)));
    before = w;
    const Values r = values_of(*probe.optimizer->slot(*probe.p, "r")),
                 c = values_of(*probe.optimizer->slot(*probe.p, "c"));
    const double mean = (r[0] + r[1]) / 2;
    for (double row : r) {  // the sum of V over a row is that of the full second moment
      double sum = 0;
      for (double col : c) sum += row * col / mean;
      CHECK(near(sum, 3 * row, 1e-9, 1e-4));
    }
  }
  CHECK(near(run_matrix("adafactor")[1], run_matrix("adafactor", scaled(kGM, 64))[1]));
  Values twice = kM0;
  for (double& x : twice) x *= 2;
  const Values w = run_matrix("adafactor")[1];
  Values both = run_matrix("adafactor", kGM, twice)[1];
  for (double& x : both) x /= 2;
  CHECK(near(w, both));
}

TEST_CASE("came: vectors take Adafactor's clipped update with momentum, at a fixed decay") {
  const auto w = run("came:lr=0.01,clip_threshold=0.5");
  Values at = kW0, v(3), m(3);
  for (size_t t = 0; t < 3; ++t) {
    Values u(3);
    for (size_t i = 0; i < 3; ++i) {
      v[i] = 0.999 * v[i] + 0.001 * (kG[t][i] * kG[t][i] + 1e-30);
      u[i] = kG[t][i] / std::sqrt(v[i]);
    }
    const double clip = std::max(1.0, size(u) / std::sqrt(3.0) / 0.5);
    for (size_t i = 0; i < 3; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * u[i] / clip;
      at[i] -= 0.01 * m[i];
    }
    CHECK(near(w[t], at));
  }
}

TEST_CASE("novograd: the first step has length lr in every tensor") {
  CHECK(near(size(difference(run("novograd:lr=0.01")[0], kW0)), 0.01));
  CHECK(near(size(difference(run_matrix("novograd:lr=0.01")[0], kM0)), 0.01));
}

TEST_CASE("decoupled decay: kept_by_decay is what the weights keep, where a rule says so") {
  // Under gradients that do not depend on the weights two runs, with and without decay, take the same steps.
  const std::vector<std::string> specs = {"adamw",       "adam:decoupled=true",
                                          "adam-cm",     "adamod",
                                          "radam",       "lion",
                                          "grams",       "came",
                                          "ademamix",    "adabelief",
                                          "adamomentum", "adopt:decoupled=true"};
  for (const std::string& spec : specs) {
    CAPTURE(spec);
    const std::string more = spec.find(':') == std::string::npos ? ":" : ",";
    Probe plain(spec + more + "lr=0.01", kW0), decays(spec + more + "lr=0.01,weight_decay=0.5", kW0);
    Values w = kW0, d = kW0;
    Rng rng(5);
    for (int t = 1; t <= 8; ++t) {
      const Values g{rng.normal(), rng.normal(), rng.normal()};
      const double scale = t % 2 ? 1 : 0.5, kept = decays.optimizer->kept_by_decay(*decays.p, scale);
      CHECK(near(kept, 1 - 0.01 * scale * 0.5, 1e-15, 1e-15));
      const Values nw = plain.step(g, scale), nd = decays.step(g, scale);
      for (size_t i = 0; i < 3 && t > 6; ++i) CHECK(near(nd[i] - kept * d[i], nw[i] - w[i], 1e-12, 1e-6));
      w = nw, d = nd;
    }
    CHECK(plain.optimizer->kept_by_decay(*plain.p, 1) == 1);
  }
  for (const std::string spec :
       {"adam:weight_decay=0.1", "sgd:weight_decay=0.1", "diffgrad:weight_decay=0.1"}) {
    Probe coupled(spec, kW0);
    CHECK(coupled.optimizer->kept_by_decay(*coupled.p, 1) == 1);
  }
}
