// Methods beside the optimizers: directions from several losses, spectral risks and Prospect, refined schedules.
#include "core/rng.h"
#include "optim/methods/multi_loss.h"
#include "optim/methods/prospect.h"
#include "optim/methods/refinement.h"
#include "optim/schedule.h"
#include "tests/optim/closure.h"
#include "tests/temp_dir.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

Tensor vec(const Values& v) { return tensor({static_cast<int64>(v.size())}, v); }
std::vector<Tensor> vecs(const std::vector<Values>& all) {
  std::vector<Tensor> out;
  for (const Values& v : all) out.push_back(vec(v));
  return out;
}
Values config(const std::vector<Values>& g, const ConfigOptions& o = {}) {
  return values_of(config_direction(vecs(g), o));
}
double inner_product(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

TEST_CASE("config: two and three losses by hand, equal cosines, orthogonal, parallel, opposite, zero") {
  const Values g1{3, 0}, g2{-1, 1}, g = config({g1, g2});
  CHECK(near(g, {.64644661, 1.56066017}, 1e-8, 1e-6));
  CHECK(near(inner_product(g, g1), 1.93933983, 1e-8, 2e-6));
  CHECK(near(inner_product(g, g2), .91421356, 1e-8, 2e-6));
  for (const Values& x : {g1, g2})
    CHECK(near(inner_product(g, x) / length(g) / length(x), .38268343, 1e-8, 1e-6));
  const std::vector<Values> three{{1, 0, 0}, {-.5, 1, 0}, {0, -1, 2}};
  const Values h = config(three);
  CHECK(near(h, {.59388483, .96092584, 1.14444635}, 1e-8, 2e-6));
  for (const Values& x : three) CHECK(near(inner_product(h, x) / length(x), .59388483, 1e-8, 2e-6));
  CHECK(near(config({{0, 2, 0}, {2, 0, 0}}), {2, 2, 0}));
  CHECK(config({g1}) == g1);
  CHECK(near(config({g2, g2}), {-2, 2}, 1e-9, 1e-6));
  CHECK(config({g1, {-1, 0}}) == Values{0, 0});
  CHECK(config({g1, {0, 0}}) == Values{0, 0});
  CHECK(near(config({three[0], three[0], three[1]}), config({three[0], three[1], three[1]}), 10,
             10));  // defined
  // Scaling one gradient changes the length alone.
  const Values s = config({scaled({g1}, 50)[0], g2});
  CHECK(near(s[0] / length(s), g[0] / length(g), 1e-9, 1e-6));
  CHECK(near(length(config({g1, g2}, {.length = "min"})), 2 * std::sqrt(2.0) * .38268343, 1e-8, 2e-6));
  CHECK(near(length(config({g1, g2}, {.length = "max"})), 2 * 3 * .38268343, 1e-7, 3e-6));
  CHECK_THROWS_AS(config({g1, {1, 2, 3}}), ShapeError);
  CHECK_THROWS_AS(config({}), UsageError);
  CHECK_THROWS_AS(config({g1, {std::nan(""), 1}}), NumericError);
}

TEST_CASE(
    "m-config: one loss is Adam without bias terms of its own; state continues; pcgrad, imtl-g by hand") {
  MomentumConfig one({.num_losses = 1});
  Probe adam("adam:lr=1", kW0);
  Values before = kW0, w = kW0;
  for (const Values& g : kG) {
    w = minus(w, values_of(one.combine(0, vec(g))));
    before = adam.step(g);
    CHECK(near(w, before, 1e-7, 1e-3));
  }
  MomentumConfig two({.num_losses = 2}), other({.num_losses = 2});
  CHECK(values_of(two.combine(0, vec({1, 2}))) == Values{0, 0});
  two.combine(1, vec({-1, 1}));
  other.load_state(two.save_state());
  CHECK(values_of(two.combine(0, vec({2, 1}))) == values_of(other.combine(0, vec({2, 1}))));
  CHECK_THROWS_AS(two.combine(2, vec({1, 1})), UsageError);
  // <g1, g2> = -3: each loses its part against the other.
  CHECK(near(values_of(pcgrad_direction(vecs({{3, 0}, {-1, 1}}))), {3 - 1.5 + 0, 1.5 + 1}, 1e-9, 1e-6));
  const Values i = values_of(imtlg_direction(vecs({{3, 0}, {-1, 1}})));
  CHECK(near(inner_product(i, {1, 0}), inner_product(i, {-1 / std::sqrt(2.0), 1 / std::sqrt(2.0)}), 1e-9,
             1e-6));
}

TEST_CASE("spectral risks: spectra and weights by hand, limits of nu, ties, the gradient of the risk") {
  const auto sigma = [](const SpectrumOptions& o, int64 n) { return spectrum(o, n); };
  const Values half = sigma({.spectrum = "cvar", .q = 0.5}, 4), l{1, 2, 3, 4};
  CHECK(half == Values{0, 0, .5, .5});
  CHECK(distance(spectral_weights(l, half, .1), {0, 0, .5, .5}) < 1e-12);
  CHECK(distance(spectral_weights(l, half, .5), {0, 0, .5, .5}) < 1e-12);
  CHECK(distance(spectral_weights(l, half, 1), {0, .125, .375, .5}) < 1e-12);
  CHECK(std::abs(spectral_risk(l, half, 1) - 3.0625) < 1e-12);
  CHECK(distance(spectral_weights(l, half, 10), {.2125, .2375, .2625, .2875}) < 1e-12);
  CHECK(distance(spectral_weights(Values{3, 1, 4, 2}, half, 1), {.375, 0, .5, .125}) < 1e-12);
  CHECK(distance(sigma({.spectrum = "cvar", .q = 0.5}, 5), {0, 0, .2, .4, .4}) < 1e-12);
  CHECK(distance(sigma({.spectrum = "extremile", .r = 2}, 4), {.0625, .1875, .3125, .4375}) < 1e-12);
  CHECK(distance(sigma({.spectrum = "esrm", .rho = 1}, 4), {.16529618, .21224449, .27252732, .34993201}) <
        1e-8);
  const Values even = sigma({.spectrum = "erm"}, 4);
  CHECK(distance(spectral_weights(l, even, .3), even) < 1e-12);
  CHECK(distance(spectral_weights(l, half, 1e9), even) < 1e-8);
  CHECK(distance(spectral_weights(Values{3, 1, 4, 2}, half, 0), {.5, 0, .5, 0}) < 1e-12);
  CHECK(distance(spectral_weights(Values(4, 2.0), half, 1), even) < 1e-12);
  for (const std::string penalty : {"l2", "neg_entropy"}) {
    const Values q = spectral_weights(Values{.3, -1, .7, .1}, sigma({.spectrum = "esrm"}, 4), .05, penalty);
    CHECK(std::abs(q[0] + q[1] + q[2] + q[3] - 1) < 1e-12);
    CHECK((q[1] <= q[3] && q[3] <= q[0] && q[0] <= q[2]));
    // Envelope theorem: dF/dl = q.
    for (size_t i = 0; i < 4; ++i) {
      Values up{.3, -1, .7, .1}, down = up;
      up[i] += 1e-5, down[i] -= 1e-5;
      const Values s = sigma({.spectrum = "esrm"}, 4);
      CHECK(std::abs((spectral_risk(up, s, .05, penalty) - spectral_risk(down, s, .05, penalty)) / 2e-5 -
                     q[i]) < 1e-6);
    }
  }
  CHECK_THROWS_AS(spectral_weights(l, half, 1, "l3"), UsageError);
  CHECK_THROWS_AS(spectral_weights(Values{1, std::nan("")}, Values{.5, .5}, 1), NumericError);
  CHECK(isotonic_regression(Values{3, 1, 2, 5, 4}) == Values{2, 2, 2, 4.5, 4.5});
}

TEST_CASE("prospect: SAGA for the mean, unbiased at the table's weights, linear convergence") {
  const double x[3][2] = {{1, 2}, {-1, 0.5}, {0.25, 1}}, y[3] = {1, -2, 0.5};
  const ExampleLoss loss = [&](int64 i, const std::vector<double>& w, std::vector<double>& g) {
    const double r = x[i][0] * w[0] + x[i][1] * w[1] - y[i];
    g = {r * x[i][0], r * x[i][1]};
    return 0.5 * r * r;
  };
  ProspectOptions erm{.lr = 0.1};
  erm.risk.spectrum = "erm";
  Prospect saga(erm, 3, {0.5, -0.5}, loss);
  std::vector<std::vector<double>> table(3, std::vector<double>(2));
  std::vector<double> w{0.5, -0.5};
  for (int64 i = 0; i < 3; ++i) loss(i, w, table[static_cast<size_t>(i)]);
  for (int t = 0; t < 12; ++t) {
    const int64 i = (t * 2) % 3;
    std::vector<double> g(2), v(2);
    loss(i, w, g);
    for (size_t j = 0; j < 2; ++j) {
      v[j] = g[j] - table[static_cast<size_t>(i)][j] + (table[0][j] + table[1][j] + table[2][j]) / 3;
      w[j] = (w[j] - 0.1 * v[j]) / (1 + 0.1 / 3);
    }
    table[static_cast<size_t>(i)] = g;
    saga.step(i);
    CHECK(distance(saga.weights(), w) < 1e-12);
  }
  // Fresh tables: the mean of v over the examples is sum q_i grad l_i.
  Prospect fresh({}, 3, {0.5, -0.5}, loss);
  Values mean(2, 0), expected(2, 0);
  for (int64 i = 0; i < 3; ++i) {
    std::vector<double> g(2);
    loss(i, {0.5, -0.5}, g);
    for (size_t j = 0; j < 2; ++j)
      mean[j] += fresh.direction(i)[j] / 3,
          expected[j] += fresh.risk_weights()[static_cast<size_t>(i)] * g[j];
  }
  CHECK(distance(mean, expected) < 1e-12);
  ProspectOptions robust{.lr = 0.1};
  Prospect run(robust, 3, {0, 0}, loss);
  const auto gap = [&] {
    std::vector<double> g(2), sum(2, 0);
    Values losses;
    for (int64 i = 0; i < 3; ++i) losses.push_back(loss(i, run.weights(), g));
    const Values q = spectral_weights(losses, spectrum(robust.risk, 3), 1);
    for (int64 i = 0; i < 3; ++i) {
      loss(i, run.weights(), g);
      for (size_t j = 0; j < 2; ++j) sum[j] += q[static_cast<size_t>(i)] * g[j];
    }
    for (size_t j = 0; j < 2; ++j) sum[j] += run.weights()[j] / 3;
    return length(sum);
  };
  Rng rng(1);
  for (int t = 0; t < 6000; ++t) run.step(static_cast<int64>(rng.below(3)));
  CHECK(gap() < 1e-10);
  CHECK_THROWS_AS(run.step(3), UsageError);
}

TEST_CASE("refined schedules: constant norms, hand-worked refinements, scale, the median filter, files") {
  const auto refined = [](const Values& g, double p, double tau = 0, int64 steps = 0) {
    return refined_schedule(g, {.p = p, .tau = tau}, steps);
  };
  for (double p : {1.0, 2.0}) CHECK(distance(refined(Values(5, 3), p), {1, .75, .5, .25, 0}) < 1e-12);
  CHECK(distance(refined({2, 1, 1, 2}, 2), {.45, 1, .2, 0}) < 1e-12);
  CHECK(distance(refined({2, 1, 1, 2}, 1), {.83333333, 1, .33333333, 0}) < 1e-8);
  CHECK(distance(refined({4, 2, 1, 1, 1, 1}, 2), {.08854167, .33333333, 1, .66666667, .33333333, 0}) < 1e-8);
  Values g;
  for (int t = 0; t < 40; ++t) g.push_back(1 + std::abs(std::sin(double(t))));
  CHECK(distance(refined(g, 2, 0.1), refined(scaled({g}, 7)[0], 2, 0.1)) < 1e-12);
  const Values s = refined(g, 2, 0.1);
  CHECK(*std::max_element(s.begin(), s.end()) == 1);
  CHECK(s.back() == 0);
  CHECK(median_filter(Values(9, 2), 3) == Values(9, 2));
  CHECK(median_filter(Values{1, 1, 9, 1, 1}, 3) == Values(5, 1));
  CHECK_THROWS_AS(median_filter(Values{1, 2}, 2), UsageError);
  CHECK(refined({2, 1, 1, 2}, 2, 0, 7).size() == 7);
  CHECK(distance(refined({1, std::nan(""), 1, 1, 1}, 1), {1, .75, .5, .25, 0}) < 1e-12);
  CHECK_THROWS_AS(refined({1}, 1), DataError);
  CHECK_THROWS_AS(refined({1, -1, 2}, 1), DataError);
  const TempDir dir;
  const std::string norms = dir.write("norms.csv", "step,l1,l2\n1,2,4\n2,1,2\n3,1,1\n4,2,1\n5,9,1\n6,9,1\n");
  const auto schedule = make_schedule("refined:tau=0,norms=" + norms, {.total_steps = 6});
  CHECK(std::abs(schedule->scale(0) - .08854167) < 1e-8);
  CHECK(schedule->scale(5) == 0);
  CHECK(schedule->scale(99) == 0);
  CHECK_THROWS_AS(make_schedule("refined:norms=" + dir.write("bad.csv", "a,b\n1,2\n"), {.total_steps = 6}),
                  DataError);
  CHECK_THROWS_AS(make_schedule("refined:norms=absent.txt", {.total_steps = 6}), DataError);
}
