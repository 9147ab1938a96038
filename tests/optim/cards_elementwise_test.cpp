// The exact checks of the papers of element-wise rules: figures worked out by hand or with the authors' code, limits
// and identities.
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

void check_same(const std::vector<Values>& a, const std::vector<Values>& b, double in_double = 1e-12,
                double in_float = 1e-6) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(near(a[i], b[i], in_double, in_float));
}

}  // namespace

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

TEST_CASE("grams: probe, a flipped sign by hand, Adam where signs agree, no move without a gradient") {
  const auto w = run("grams:lr=0.01");
  CHECK(near(w[0], {0.9900031613, -1.9900010540, 0.4900157864}));
  CHECK(near(w[1], {0.9936636788, -1.9940028393, 0.4806242274}));
  CHECK(near(w[2], {0.9902315581, -1.9948057478, 0.4865955652}));
  CHECK(near(w[1][1] - w[0][1], -0.0040017853, 1e-9));  // Adam would go up by as much
  const auto grams = run("grams:lr=0.01,eps=1e-37"), adam = run("adam:lr=0.01,eps=1e-37");
  for (size_t t = 0; t < 3; ++t) {
    const Values a = moves(adam, t), g = moves(grams, t);
    for (size_t i = 0; i < 3; ++i) {
      CHECK(near(std::abs(a[i]), std::abs(g[i])));
      CHECK(g[i] * kG[t][i] <= 0);
    }
  }
  check_same(run("grams:lr=0.01,beta1=0,eps=1e-37"), run("adam:lr=0.01,beta1=0,eps=1e-37"));
  const std::vector<Values> agreeing{{0.1, -0.3, 0.02}, {0.7, -0.1, 0.05}, {0.2, -0.2, 0.3}};
  check_same(run("grams:lr=0.01,eps=1e-37", agreeing), run("adam:lr=0.01,eps=1e-37", agreeing));
  Probe still("grams", {1});
  still.step({1});
  const double before = still.step({1})[0];
  CHECK(still.step({0})[0] == before);
}

TEST_CASE("lion: probe with and without decay, lr or nothing, signs, the fixed point of decay") {
  const auto w = run("lion:lr=0.01");
  CHECK(near(w[0], {0.99, -1.99, 0.49}));
  CHECK(near(w[1], {1.00, -2.00, 0.48}));
  CHECK(near(w[2], {0.99, -2.01, 0.49}));
  const auto d = run("lion:lr=0.01,weight_decay=0.1");
  CHECK(near(d[0], {0.989, -1.988, 0.4895}));
  CHECK(near(d[1], {0.998011, -1.996012, 0.4790105}));
  CHECK(near(d[2], {0.987012989, -2.004015988, 0.4885314895}));
  check_same(w, run("lion:lr=0.01", scaled(kG, 37)), 0, 0);
  CHECK(run("lion", {{0, 0, 0}})[0] == values_of(tensor({3}, kW0)));
  // beta1 = 0 is sign descent; beta1 = beta2 steps by the sign of the new mean.
  CHECK(near(run("lion:lr=0.01,beta1=0")[1], {1 - 0.01 + 0.01, -2 + 0.01 - 0.01, 0.5 - 0.02}));
  CHECK(
      near(run("lion:lr=0.5,weight_decay=0.4", constant({1}, 200), {0}, {1})[199][0], -1 / 0.4, 1e-9, 1e-5));
}

TEST_CASE("innaprop: probe of both forms, RMSprop for alpha*beta = 1") {
  for (const std::string form : {"psi", "momentum"}) {
    const auto w = run("innaprop:lr=0.01,weight_decay=0,form=" + form);
    CHECK(near(w[0], {0.9910000009, -1.9910000003, 0.4910000045}));
    CHECK(near(w[1], {1.0022914917, -1.9949347281, 0.4790935686}, 1e-9, 1e-5));
    CHECK(near(w[2], {0.9898206730, -2.0032183927, 0.4817293842}, 1e-9, 1e-5));
    const auto two = run("innaprop:lr=0.01,alpha=2,beta=2,weight_decay=0,form=" + form);
    CHECK(near(two[1], {1.0055944259, -1.9892460625, 0.4540434855}, 1e-9, 1e-5));
    CHECK(near(two[2], {0.9777423443, -2.0079255805, 0.4610562037}, 1e-9, 1e-5));
    const auto one = run("innaprop:lr=0.01,alpha=1,beta=1,weight_decay=0,form=" + form);
    CHECK(near(one[1], {1.0026472130, -1.9944730312, 0.4768717428}, 1e-9, 1e-5));
    check_same(one, run("adam:lr=0.01,beta1=0"), 1e-12, 1e-5);
  }
  CHECK(near(run("innaprop:lr=0.01,weight_decay=0.1")[2], {0.9867699851, -1.9971175902, 0.4802309018}, 1e-9,
             1e-5));
  CHECK(near(run("innaprop:lr=0.01,weight_decay=0.1,form=momentum")[2],
             {0.9868303715, -1.9972384470, 0.4802607811}, 1e-9, 1e-5));
  CHECK_THROWS_AS(run("innaprop:lr=0.9,beta=0.9"), UsageError);
  // Zero gradients: psi stays consistent with w.
  CHECK(near(run("innaprop:weight_decay=0", constant({0, 0, 0}, 5))[4], kW0));
}

TEST_CASE("inna: one step by hand, zero gradients do not move it") {
  // phase = (0.5 - 5)*w + psi/0.2 with psi = (1 - 0.1)*w: 0.
  CHECK(near(run("inna:lr=0.1,alpha=0.5,beta=0.2")[0],
             {1 - 0.1 * 0.2 * 0.1, -2 + 0.1 * 0.2 * 0.3, 0.5 - 0.1 * 0.2 * 0.02}));
  CHECK(near(run("inna:lr=0.1", constant({0, 0, 0}, 5))[4], kW0));
}

TEST_CASE("adopt: probe clipped, not clipped, decoupled; a constant gradient") {
  const auto w = run("adopt:lr=0.01");
  CHECK(w[0] == values_of(tensor({3}, kW0)));
  CHECK(near(w[1], {1.0010000000, -2.0003333333, 0.4990000000}));
  CHECK(near(w[2], {1.0007107929, -2.0013000296, 0.4985998688}));
  const auto u = run("adopt:lr=0.01,clip=false");
  CHECK(near(u[1], {1.0020000000, -2.0003333333, 0.4975000000}));
  CHECK(near(u[2], {1.0008004499, -2.0013000296, 0.4957498688}));
  const auto d = run("adopt:lr=0.01,decoupled=true,weight_decay=0.1");
  CHECK(d[0] == values_of(tensor({3}, kW0)));
  CHECK(near(d[1], {1.0000000000, -1.9983333333, 0.4985000000}));
  CHECK(near(d[2], {0.9987107929, -1.9973016963, 0.4976013688}));
  const auto c = run("adopt:lr=0.01", constant({0.5}, 6), {0}, {1});
  for (int n = 1; n <= 6; ++n)
    CHECK(near(moves(c, static_cast<size_t>(n - 1), {0})[0], -0.01 * (1 - std::pow(0.9, n - 1))));
}

TEST_CASE("adan: probe with both decays, Adam for beta2 = 0 and constant gradients, clipping, restart") {
  const auto w = run("adan:lr=0.01");
  CHECK(near(w[0], {0.9900000010, -1.9900000003, 0.4900000050}));
  CHECK(near(w[1], {0.9956644508, -1.9923809076, 0.4812788803}));
  CHECK(near(w[2], {0.9929381280, -1.9967669961, 0.4797691852}));
  const auto p = run("adan:lr=0.01,weight_decay=0.1");
  CHECK(near(p[0], {0.9890109900, -1.9880119883, 0.4895104945}));
  CHECK(near(p[2], {0.9899654697, -1.9907997798, 0.4783210446}));
  const auto n = run("adan:lr=0.01,weight_decay=0.1,no_prox=true");
  CHECK(near(n[0], {0.9890000010, -1.9880000003, 0.4895000050}));
  CHECK(near(n[2], {0.9899554525, -1.9907906032, 0.4782993958}));
  check_same(run("adan:lr=0.01,beta2=0"), run("adam:lr=0.01,beta1=0.98,beta2=0.99"));
  const auto c = run("adan:lr=0.01,eps=1e-37", constant({0.3, -2, 5}, 4));
  CHECK(near(moves(c, 3), {-0.01, 0.01, -0.01}));
  check_same(run("adan:lr=0.01,eps=1e-37"), run("adan:lr=0.01,eps=1e-37", scaled(kG, 8)));
  // A restart every two steps: the third step is a first one.
  const auto r = run("adan:lr=0.01,restart_every=2,eps=1e-37");
  CHECK(near(moves(r, 2), {-0.01, -0.01, 0.01}));
}

TEST_CASE("ademamix: probe with and without warm-ups, beta3 in half-life, AdamW for alpha = 0") {
  const auto w = run("ademamix:lr=0.01");
  CHECK(near(w[0], {0.9899980010, -1.9899980003, 0.4899980050}));
  CHECK(near(w[1], {0.9936603009, -1.9859940258, 0.4805972573}));
  CHECK(near(w[2], {0.9902260391, -1.9867970026, 0.4746186775}));
  const auto u = run("ademamix:lr=0.01,alpha=8,alpha_warmup=10,beta3_warmup=10");
  CHECK(near(u[0], {0.9899920731, -1.9899920724, 0.4899920771}));
  CHECK(near(u[2], {0.9902097328, -1.9867550742, 0.4745700402}));
  check_same(run("ademamix:lr=0.01,alpha=0,weight_decay=0.1"), run("adamw:lr=0.01,weight_decay=0.1"));
  // alpha_1 = 8*1/10 and m2 = 0.5 show in the first move.
  CHECK(near(run("ademamix:lr=0.01,alpha=8,alpha_warmup=10,beta3=0.5,eps=1e-37", {{1}}, {0}, {1})[0][0],
             -0.01 * (1 + 0.8 * 0.5)));
  // m2 after t steps of g = 1 tells beta3_t: m2_t = 1 - (1 - m2_{t-1})*beta3_t.
  Probe probe("ademamix:alpha_warmup=10,beta3_warmup=10", {0});
  const std::vector<double> beta3{0.99900901, 0, 0, 0, 0.99980022, 0, 0, 0, 0.99988891, 0.9999, 0.9999};
  double m2 = 0;
  for (double expected : beta3) {
    probe.step({1});
    const double now = probe.optimizer->slot(*probe.p, "m2")->item();
    if (expected > 0) CHECK(near((1 - now) / (1 - m2), expected, 5e-9, 2e-7));
    m2 = now;
  }
  // beta1 = 0 stores no fast mean.
  Probe fast("ademamix:beta1=0", {0});
  fast.step({1});
  CHECK(fast.optimizer->slot(*fast.p, "m1") == nullptr);
}
