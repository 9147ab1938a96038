// Exact checks of the papers that are not figures: what a rule becomes in a limit, what no step may exceed, which
// quantity stays the same.
#include "core/linalg.h"
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

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
    const Values w = probe.step(g), p = minus(w, before);
    const double gamma = (lam() - 0.999 * kept) / 0.001;
    CHECK(near(-gamma * inner(g, p) / inner(p, p), 1, 1e-9, 1e-3));  // the projection of -gamma*g on p is p
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

TEST_CASE("adamp: a projected step adds its square to the square of the row") {
  const Values w{3, 4, 1, 0}, g{-0.4, 0.3, 0, 0.2};
  const Values after = run_matrix("adamp:lr=0.01,eps=1e-30", {g}, w, {2, 2})[0];
  for (size_t r = 0; r < 4; r += 2) {
    const Values old{w[r], w[r + 1]}, now{after[r], after[r + 1]}, d = minus(now, old);
    CHECK(near(inner(now, now), inner(old, old) + inner(d, d), 1e-12, 1e-5));
  }
  // Where only the tensor as a whole is orthogonal to its gradient it is projected as a whole.
  const Values whole{1, 2, 2, 1}, gw{2, 1, -1, -2};
  const Values moved = run_matrix("adamp:lr=0.01,eps=1e-30", {gw}, whole, {2, 2})[0];
  CHECK(near(inner(minus(moved, whole), whole), 0, 1e-12, 1e-5));
  CHECK(std::abs((moved[0] - 1) * 1 + (moved[1] - 2) * 2) > 1e-3);
}

TEST_CASE("adan: clipped gradients are those of the whole history") {
  // Gradients already at the limit, and the same ones longer, each by a factor of its own.
  std::vector<Values> unit = kG, longer;
  double factor = 2;
  for (Values& g : unit) {
    const double n = length(g);
    for (double& x : g) x *= 0.5 / n;
    longer.push_back(g);
    for (double& x : longer.back()) x *= factor;
    factor *= 3;
  }
  const auto a = run("adan:lr=0.01,max_grad_norm=0.5", unit),
             b = run("adan:lr=0.01,max_grad_norm=0.5", longer);
  for (size_t t = 0; t < 3; ++t) CHECK(near(a[t], b[t], 1e-8));
}

TEST_CASE("adafactor: margins of V, steps of bounded size, scales of gradient and weight") {
  Probe probe("adafactor", {2, 3}, kM0);
  Values before = kM0;
  for (int t = 1; t <= 4; ++t) {
    const Values w = probe.step(scaled(kGM, t * t)[static_cast<size_t>(t % 2)]), d = minus(w, before);
    const double alpha = 0.01 * length(before) / std::sqrt(6.0);
    CHECK(length(d) / std::sqrt(6.0) <= alpha * (1 + tolerance(1e-12, 1e-5)));
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
    const double clip = std::max(1.0, length(u) / std::sqrt(3.0) / 0.5);
    for (size_t i = 0; i < 3; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * u[i] / clip;
      at[i] -= 0.01 * m[i];
    }
    CHECK(near(w[t], at));
  }
}

TEST_CASE("novograd: the first step has length lr in every tensor") {
  CHECK(near(length(minus(run("novograd:lr=0.01")[0], kW0)), 0.01));
  CHECK(near(length(minus(run_matrix("novograd:lr=0.01")[0], kM0)), 0.01));
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
