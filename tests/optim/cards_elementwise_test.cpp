// The exact checks of the papers of the other element-wise rules: figures worked out by hand or with the authors'
// code, limits and identities.
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

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
