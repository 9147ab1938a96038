// The exact checks of the papers of Adam and of rules that change its second moment or its step size: figures worked
// out by hand or with the authors' code, limits and identities.
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("adam: probe, weight decay of both kinds, AdaMax") {
  const auto w = run("adam:lr=0.01");
  CHECK(near(w[0], {0.9900000010, -1.9900000003, 0.4900000050}));
  CHECK(near(w[1], {0.9936610360, -1.9859978148, 0.4806029331}));
  CHECK(near(w[2], {0.9902286254, -1.9868007911, 0.4746281477}));
  CHECK(near(run("adamw:lr=0.01,weight_decay=0.1")[2], {0.9872479534, -1.9808307813, 0.4731590342}));
  check_same(run("adam:lr=0.01,weight_decay=0.1,decoupled=true"), run("adamw:lr=0.01,weight_decay=0.1"), 0,
             0);
  CHECK(near(run("adam:lr=0.01,weight_decay=0.1")[2], {0.9808115947, -1.9758051446, 0.4708094923}));
  const auto x = run("adamax:lr=0.01");
  CHECK(near(x[1], {0.9928947377, -1.9870145589, 0.4828421117}));
  CHECK(near(x[2], {0.9904224131, -1.9875938226, 0.4790597323}));
}

TEST_CASE("adam: scale invariance, lr for a constant gradient, the largest step after long silence") {
  check_same(run("adam:lr=0.01,eps=1e-37"), run("adam:lr=0.01,eps=1e-37", scaled(kG, 1000)));
  const auto w = run("adam:lr=0.01,eps=1e-37", constant({0.3, -0.2, 5}, 20));
  CHECK(near(moves(w, 19), {-0.01, 0.01, -0.01}));
  Probe probe("adam:lr=0.001,eps=1e-37", {0});
  for (int i = 0; i < 10000; ++i) probe.step({0});
  CHECK(near(probe.step({2})[0], -0.1 / std::sqrt(0.001) * 1e-3, 1e-6, 1e-6));
}

TEST_CASE("amsgrad: after a large gradient the divisor stays") {
  const std::vector<Values> g{{10}, {0.1}, {0.1}};
  const auto w = run("amsgrad:lr=0.1,beta1=0,beta2=0.5,eps=1e-37", g, {0}, {1});
  // v = 50, 25.005, 12.5075, but the largest stays 50.
  CHECK(near(w[0][0], -0.1));
  CHECK(near(w[1][0] - w[0][0], -0.1 * 0.1 / std::sqrt(50 / 0.75)));
  CHECK(near(w[2][0] - w[1][0], -0.1 * 0.1 / std::sqrt(50 / 0.875)));
}

TEST_CASE("nadam: two steps by hand") {
  Probe probe("nadam:lr=0.01,eps=1e-37,momentum_decay=1", {0});
  const double mu1 = 0.9 * (1 - 0.5 * 0.96), mu2 = 0.9 * (1 - 0.5 * 0.96 * 0.96);
  // g = 1: m = 0.1, vhat = 1.
  const double w1 = -0.01 * ((1 - mu1) / (1 - mu1) + mu2 / (1 - mu1 * mu2) * 0.1);
  CHECK(near(probe.step({1})[0], w1));
  const double mu3 = 0.9 * (1 - 0.5 * std::pow(0.96, 3));
  const double w2 = w1 - 0.01 * ((1 - mu2) / (1 - mu1 * mu2) + mu3 / (1 - mu1 * mu2 * mu3) * 0.19);
  CHECK(near(probe.step({1})[0], w2));
}

TEST_CASE("adabelief: probe with both eps, rectified, and steps that grow for a constant gradient") {
  const auto w = run("adabelief:lr=0.01");
  CHECK(near(w[0], {0.9888888889, -1.9888888889, 0.4888888889}));
  CHECK(near(w[1], {0.9927994987, -1.9845880492, 0.4780758446}));
  CHECK(near(w[2], {0.9891250762, -1.9854387217, 0.4714221165}));
  const auto e = run("adabelief:lr=0.01,eps=1e-8");
  CHECK(near(e[0], {0.9888957425, -1.9888896513, 0.4890564929}));
  CHECK(near(e[2], {0.9891314887, -1.9854398787, 0.4716796260}));
  const auto r = run("adabelief:lr=0.01,rectify=true");
  CHECK(near(r[0], {0.999, -1.997, 0.4998}));
  CHECK(near(r[1], {0.9995789474, -1.9961052632, 0.4994421053}));
  const auto c = run("adabelief:lr=0.01,eps=1e-30", constant({0.5}, 5), {0}, {1});
  for (int t = 1; t <= 5; ++t) {
    double sum = 0;
    for (int k = 1; k <= t; ++k) sum += std::pow(0.999, t - k) * std::pow(0.9, 2 * k);
    const double expected = 0.01 * std::sqrt(1 - std::pow(0.999, t)) / std::sqrt(0.001 * sum);
    CHECK(near(-moves(c, static_cast<size_t>(t - 1), {0})[0], expected, 1e-9, 1e-5));
  }
}

TEST_CASE("adamomentum: probe with both eps, one step by hand, Adam for beta1 = 0, scale invariance") {
  const auto w = run("adamomentum:lr=0.01");
  CHECK(near(w[0], {0.9000000001, -1.9000000000, 0.4000000012}));
  CHECK(near(w[1], {0.9550741272, -1.8632992263, 0.3286072396}));
  CHECK(near(w[2], {0.9037007347, -1.8719341503, 0.2911878268}));
  const auto e = run("adamomentum:lr=0.01,eps=1e-8");
  CHECK(near(e[0], {0.9046537411, -1.9005509684, 0.4465477516}));
  CHECK(near(e[1], {0.9573932517, -1.8641551011, 0.3861650218}));
  CHECK(near(e[2], {0.9072095604, -1.8726849489, 0.3544522517}));
  CHECK(near(1 - e[0][0], 0.0953463, 1e-7, 1e-6));
  check_same(run("adamomentum:lr=0.01,beta1=0,eps=1e-30"), run("adam:lr=0.01,beta1=0,eps=1e-30"), 1e-9);
  check_same(run("adamomentum:lr=0.01,eps=1e-30"), run("adamomentum:lr=0.01,eps=1e-30", scaled(kG, 64)));
}

TEST_CASE("adabound: probe, closed bounds by hand, SGD in the limit") {
  const auto w = run("adabound:lr=0.01");
  CHECK(near(w[0], {0.9900000316, -1.9900000105, 0.4900001581}));
  CHECK(near(w[2], {0.9902286538, -1.9868008045, 0.4746283861}));
  for (const char* spec : {"adabound:lr=0.01,gamma=0.5", "amsbound:lr=0.01,gamma=0.5"}) {
    const auto b = run(spec);
    CHECK(near(b[0], {0.997, -1.991, 0.4994}));
    CHECK(near(b[1], {0.9992, -1.9876, 0.49804}));
    CHECK(near(b[2], {0.99585, -1.9883833333, 0.4971866667}));
  }
  const auto s = run("adabound:lr=0.01,gamma=1e9,final_lr=0.2");
  CHECK(near(s[0], {1 - 0.2 * 0.01, -2 + 0.2 * 0.03, 0.5 - 0.2 * 0.002}));
  // The bounds follow the schedule.
  Probe half("adabound:lr=0.01,gamma=1e9,final_lr=0.2", kW0);
  CHECK(near(half.step(kG[0], 0.5), {1 - 0.1 * 0.01, -2 + 0.1 * 0.03, 0.5 - 0.1 * 0.002}));
  // adaboundw: the decay has no lr.
  CHECK(near(run("adaboundw:lr=0.01,gamma=1e9,final_lr=0.2,weight_decay=0.01")[0],
             {0.99 - 0.002, -1.98 + 0.006, 0.495 - 0.0004}));
}

TEST_CASE("radam: threshold, rectification, both kinds of first steps") {
  const auto w = run("radam:lr=0.01", constant({0.1, -0.3, 0.02}, 8));
  for (size_t t = 0; t < 5; ++t) CHECK(w[t] == values_of(tensor({3}, kW0)));
  CHECK(near(w[5], {0.9997417892, -1.9997417890, 0.4997417905}));
  CHECK(near(w[7], {0.9990270191, -1.9990270183, 0.4990270238}));
  const auto d = run("radam:lr=0.01,degenerated_to_sgd=true", constant({0.1, -0.3, 0.02}, 6));
  CHECK(near(d[0], {0.999, -1.997, 0.4998}));
  CHECK(near(d[4], {0.995, -1.985, 0.499}));
  CHECK(near(d[5], {0.9947417892, -1.9847417890, 0.4987417905}));
  // r_6, r_7 and r_10 of beta2 = 0.999 from the moves, eps being nothing.
  const auto r = run("radam:lr=1,eps=1e-37", constant({1}, 10), {0}, {1});
  CHECK(near(-moves(r, 5, {0})[0], 0.0258211128));
  CHECK(near(-moves(r, 6, {0})[0], 0.0327388144));
  CHECK(near(-moves(r, 9, {0})[0], 0.0489980134));
  // Never adaptive for a small beta2; no decay in skipped steps.
  CHECK(run("radam:lr=0.01,beta2=0.6,weight_decay=0.1", constant({1}, 50), {2}, {1})[49][0] == 2);
}

TEST_CASE("adamod: probe, beta3 = 0.9, Adam for beta3 = 0, exponential warm-up, never above Adam") {
  const auto w = run("adamod:lr=0.01");
  CHECK(near(w[0], {0.9999900000, -1.9999900000, 0.4999900002}));
  CHECK(near(w[1], {1.0000046500, -1.9999803368, 0.4999466377}));
  CHECK(near(w[2], {0.9999744749, -1.9999838087, 0.4999080462}));
  const auto b = run("adamod:lr=0.01,beta3=0.9");
  CHECK(near(b[0], {0.9990000032, -1.9990000011, 0.4990000158}));
  CHECK(near(b[1], {1.0003561030, -1.9980897834, 0.4950003623}));
  CHECK(near(b[2], {0.9977826944, -1.9983965646, 0.4916925335}));
  check_same(run("adamod:lr=0.01,beta3=0,eps=1e-20"), run("adam:lr=0.01,eps=1e-20"));
  const auto c = run("adamod:lr=0.01,beta1=0,eps=1e-20,beta3=0.9", constant({0.7}, 6), {0}, {1});
  for (int t = 1; t <= 6; ++t)
    CHECK(near(-moves(c, static_cast<size_t>(t - 1), {0})[0], 0.01 * (1 - std::pow(0.9, t))));
}

TEST_CASE("diffgrad: probe, half of Adam for a constant gradient, Adam for wild ones, not scale invariant") {
  const auto w = run("diffgrad:lr=0.01");
  CHECK(near(w[0], {0.9947502247, -1.9942555809, 0.4949500815}));
  CHECK(near(w[1], {0.9968532761, -1.9918595241, 0.4901810996}));
  CHECK(near(w[2], {0.9947167417, -1.9922810696, 0.4871041287}));
  CHECK(near(1 - run("diffgrad:lr=0.01,eps=1e-37")[0][0], 0.01 * 0.5249791875));
  const auto c = run("diffgrad:lr=0.01,eps=1e-37", constant({0.4}, 6), {0}, {1});
  for (size_t t = 1; t < 6; ++t) CHECK(near(moves(c, t, {0})[0], -0.005));
  const std::vector<Values> wild{{20}, {-20}, {20}, {-20}};
  const auto a = run("adam:lr=0.01,eps=1e-37", wild, {0}, {1}),
             d = run("diffgrad:lr=0.01,eps=1e-37", wild, {0}, {1});
  for (size_t t = 1; t < 4; ++t) CHECK(near(moves(d, t, {0})[0], moves(a, t, {0})[0], 1e-12, 1e-8));
  CHECK(distance(run("diffgrad:lr=0.01")[0], run("diffgrad:lr=0.01", scaled(kG, 1000))[0]) > 1e-3);
}
