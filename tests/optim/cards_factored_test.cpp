// The exact checks of the papers of rules that look at a whole tensor: factored moments, norms, projections.
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("adafactor: probes in two dimensions and one") {
  const auto w = run_matrix("adafactor");
  CHECK(near(w[0], {.0975918846, .2036875061, .2955596547, .4041072954, .4960691053, .6037867392}));
  CHECK(near(w[1], {.0927594756, .2015090784, .2976157861, .4007440443, .4991013815, .6028327242}));
  CHECK(near(run_matrix("adafactor:lr=0.01,scale_parameter=false,relative_step=false")[1],
             {.0814237959, .2038820539, .2938712039, .4019214884, .4976826800, .6072768729}));
  const auto v = run("adafactor");
  CHECK(near(v[0], {.9867712434, -1.9867712434, .4867712434}));
  CHECK(near(v[2], {.9849299834, -2.0055598042, .4752629277}));
}

TEST_CASE(
    "adafactor: rank-1 squares are factored exactly, margins are kept, updates are clipped, lr is guarded") {
  // g_ij = a_i*b_j: the first update is sign(g) everywhere.
  const auto w = run_matrix("adafactor:lr=0.01,scale_parameter=false,relative_step=false",
                            {{1, -2, 3, 2, -4, 6}}, Values(6, 0));
  CHECK(near(w[0], {-.01, .01, -.01, -.01, .01, -.01}, 1e-9, 1e-7));
  Probe probe("adafactor", {2, 3}, kM0);
  probe.step(kGM[0]);
  CHECK(near(values_of(*probe.optimizer->slot(*probe.p, "r")), {.14 / 3, .77 / 3}));
  CHECK(near(values_of(*probe.optimizer->slot(*probe.p, "c")), {.17 / 2, .29 / 2, .45 / 2}));
  // RMS(step) <= alpha*clip_threshold, here 0.05, whatever the gradient.
  Probe clipped("adafactor:lr=0.1,scale_parameter=false,relative_step=false,clip_threshold=0.5", {2, 3}, kM0);
  clipped.step(kGM[0]);
  const Values before = values_of(clipped.p->value);
  const Values after = clipped.step(scaled(kGM, 100)[1]);
  double sum = 0;
  for (size_t i = 0; i < 6; ++i) sum += (after[i] - before[i]) * (after[i] - before[i]);
  CHECK(near(std::sqrt(sum / 6), 0.05, 1e-9, 1e-6));
  CHECK_THROWS_AS(run_matrix("adafactor:lr=0.1"), UsageError);
  CHECK_THROWS_AS(run_matrix("adafactor:relative_step=false"), UsageError);
  CHECK_THROWS_AS(run_matrix("adafactor:lr=0.1,relative_step=false,warmup_init=true"), UsageError);
  // relative_step takes no schedule.
  Probe full("adafactor", {2, 3}, kM0), half("adafactor", {2, 3}, kM0);
  CHECK(full.step(kGM[0], 1) == half.step(kGM[0], 0.5));
}

TEST_CASE("came: probes, decay, growth of the first steps, scale invariance") {
  const auto w = run_matrix("came:lr=0.01");
  CHECK(
      near(w[0], {.0167783705, .3125735889, .1748030807, .5299569811, .3901297967, .6977523138}, 1e-9, 2e-5));
  CHECK(near(w[1], {-.1282802771, .3248065121, .1399125411, .5199111625, .3943961704, .7518286255}, 1e-9,
             2e-5));
  CHECK(near(run_matrix("came:lr=0.01,weight_decay=0.1")[0],
             {.0166783705, .3123735889, .1745030807, .5295569811, .3896297967, .6971523138}, 1e-9, 2e-5));
  const auto v = run("came:lr=0.01");
  CHECK(near(v[0], {.999, -1.999, .499}));
  CHECK(near(v[1], {.9992670572, -1.9985127615, .4968885523}));
  CHECK(near(v[2], {.9980916577, -1.9990185193, .4953107384}));
  const auto z = run_matrix("came:lr=0.01", constant({.1, -.1, -.1, .1}, 3), Values(4, 0), {2, 2});
  const double size[] = {.1111111111, .2680330991, .4597878723};
  for (size_t t = 0; t < 3; ++t) CHECK(near(z[t], {-size[t], size[t], size[t], -size[t]}, 1e-9, 2e-5));
  CHECK(near(run_matrix("came:lr=0.01")[1], run_matrix("came:lr=0.01", scaled(kGM, 16))[1], 1e-9, 1e-5));
}

TEST_CASE("novograd: probes, averaging, decay, layer-wise scale invariance, normalised descent") {
  Probe probe("novograd:lr=0.01", kW0);
  const double v[] = {0.1004, 0.099442, 0.10005516};
  const std::vector<Values> w{{.9968440281, -1.9905320843, .4993688056},
                              {1.0001881296, -1.9847087017, .4971836022},
                              {.9938808087, -1.9854992998, .4954237996}};
  for (size_t t = 0; t < 3; ++t) {
    CHECK(near(probe.step(kG[t]), w[t]));
    CHECK(near(probe.optimizer->save_state().scalars.at("w/v"), v[t], 1e-12, 1e-8));
  }
  const auto m = run_matrix("novograd:lr=0.01");
  CHECK(near(m[0], {.0989517152, .2020965697, .2968551455, .4041931393, .4947585759, .6062897090}));
  CHECK(near(m[1], {.0958439016, .2030323393, .2949235053, .4050087072, .4929471374, .6112089610}));
  CHECK(near(run_matrix("novograd:lr=0.01,weight_decay=0.1")[1],
             {.0955500499, .2024404428, .2940419501, .4038249140, .4914778789, .6094332713}));
  CHECK(near(run_matrix("novograd:lr=0.01,grad_averaging=true")[1],
             {.0997921951, .2001516170, .2997461753, .4002504354, .4996473569, .6005604480}));
  CHECK(near(run("novograd")[2], run("novograd", scaled(kG, 512))[2]));
  const auto n = run("novograd:lr=1,beta1=0,beta2=0,eps=1e-37", kG, {0, 0, 0});
  double square = 0;
  for (size_t i = 0; i < 3; ++i) square += (n[2][i] - n[1][i]) * (n[2][i] - n[1][i]);
  CHECK(near(square, 1));
  // amsgrad: the divisor does not fall.
  const auto a = run("novograd:lr=1,beta1=0,beta2=0,eps=1e-37,amsgrad=true", {{4}, {1}}, {0}, {1});
  CHECK(near(a[1][0] - a[0][0], -0.25));
}

TEST_CASE("adamp, sgdp: projection by rows, decay of projected tensors, no projection") {
  const Values w{3, 4, 1, 0}, g{-0.4, 0.3, 0, 0.2};
  const auto a = run_matrix("adamp:lr=0.01", {g, g}, w, {2, 2});
  CHECK(near(a[0], {3.0111999997, 3.9916000002, 1.0000000000, -0.0099999995}, 1e-9, 1e-5));
  CHECK(near(a[1], {3.0223808623, 3.9831653341, 0.9999000100, -0.0199989991}, 1e-9, 1e-5));
  CHECK(near(run_matrix("adamp:lr=0.01,weight_decay=0.1", {g}, w, {2, 2})[0],
             {3.0108999997, 3.9912000002, 0.9999000000, -0.0099999995}, 1e-9, 1e-5));
  CHECK(near(run_matrix("adamp:lr=0.01", {{0.4, 0.3, 0, 0.2}}, w, {2, 2})[0],
             {2.9900000002, 3.9900000003, 1, -0.0099999995}, 1e-9, 1e-5));
  CHECK(near(run_matrix("sgdp:lr=0.1,momentum=0.9", {g}, w, {2, 2})[0], {3.04, 3.97, 1, -0.02}, 1e-9, 1e-5));
  CHECK(near(run_matrix("sgdp:lr=0.1,momentum=0.9,weight_decay=0.01", {g}, w, {2, 2})[0],
             {3.0370, 3.9660, 0.9990, -0.0200}, 1e-9, 1e-5));
  const auto code = run_matrix("sgdp:lr=0.1,momentum=0.9", {g, g, g}, w, {2, 2});
  const auto paper = run_matrix("sgdp:lr=0.1,momentum=0.9,project_buffer=false", {g, g, g}, w, {2, 2});
  CHECK(near(code[1], {3.1154224578, 3.9122457754, 0.9992403039, -0.0579848061}, 1e-9, 1e-5));
  CHECK(near(paper[1], {3.1154224578, 3.9122457754, 0.9992403039, -0.0579848061}, 1e-9, 1e-5));
  CHECK(near(paper[2], {3.2213753357, 3.8278727595, 0.9961056934, -0.1120029081}, 1e-9, 1e-5));
  CHECK(near(code[2], {3.2213880394, 3.8278626431, 0.9961041897, -0.1120288222}, 1e-9, 1e-5));
  // A projected move is orthogonal to its row; a zero row gives no NaN.
  CHECK(near((a[1][0] - a[0][0]) * a[0][0] + (a[1][1] - a[0][1]) * a[0][1], 0, 1e-7, 1e-5));
  CHECK(near(run_matrix("adamp:lr=0.01", {{0, 0, 0, 0}}, {0, 0, 1, 2}, {2, 2})[0], {0, 0, 1, 2}));
}
