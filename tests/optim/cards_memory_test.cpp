// The exact checks of the papers of rules that remember or foresee gradients: variance reduction, switching, buffers,
// predictions, braking.
#include "optim/vocabulary/critical_buffer.h"
#include "optim/vocabulary/extrapolate.h"
#include "tests/optim/probe.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("mars: matrix probes of the three forms, vectors, gamma = 0 and 1") {
  const std::string free = ":lr=0.01,weight_decay=0";
  const auto a = run_matrix("mars-adamw" + free);
  CHECK(near(a[0], {.0900000010, .2099999995, .2900000003, .4099999998, .4900000002, .6099999998}));
  CHECK(near(a[1], {.0805100071, .2095812461, .2892919266, .4082843460, .4909884992, .6120780132}));
  CHECK(near(run_matrix("mars-lion" + free)[1], {.08, .20, .28, .40, .50, .62}));
  const auto s = run_matrix("mars-shampoo" + free);
  CHECK(
      near(s[0], {.1056829011, .2005774194, .2931622600, .4056335470, .4959438717, .6024787096}, 1e-8, 1e-5));
  CHECK(
      near(s[1], {.0970608348, .1998009536, .2914892358, .4015597675, .4992131235, .6088085614}, 1e-8, 1e-5));
  CHECK(near(run("mars-adamw:lr_1d=0.01")[2], run("adamw:lr=0.01,beta1=0.9,beta2=0.95,weight_decay=0.1")[2],
             0, 0));
  const auto small = scaled(kGM, 0.1);
  CHECK(near(run_matrix("mars-adamw:gamma=0,lr=0.01,weight_decay=0.2", small)[1],
             run_matrix("adamw:beta1=0.95,beta2=0.99,lr=0.01,weight_decay=0.2", small)[1], 0, 0));
  // gamma = 1, not clipped: m = beta1*(m - g_last) + g.
  Probe probe("mars-adamw:gamma=1,beta1=0.5", {2, 3}, kM0);
  probe.step(small[0]);
  probe.step(small[1]);
  Values m(6);
  for (size_t i = 0; i < 6; ++i) m[i] = 0.5 * (small[0][i] - small[0][i]) + small[1][i];
  CHECK(near(values_of(*probe.optimizer->slot(*probe.p, "m")), m, 1e-12, 1e-7));
  CHECK_THROWS_AS(run_matrix("mars-adamw:is_approx=false"), UsageError);
}

TEST_CASE(
    "swats: switch at the second step of a constant gradient, SGD afterwards, Adam without the switch") {
  Probe probe("swats:eps=1e-37,switch_tol_abs=1e-6", {1});
  const double w[] = {0.999, 0.998, 0.9979, 0.99771, 0.997439};
  for (size_t t = 0; t < 5; ++t) {
    CHECK(near(probe.step({0.1})[0], w[t]));
    CHECK(probe.optimizer->scalar("sgd").value_or(0) == (t >= 1 ? 1 : 0));
  }
  CHECK(near(*probe.optimizer->scalar("Lam"), 0.01, 1e-9, 1e-7));
  CHECK(near(run("swats:lr=0.01,eps=1e-37,switch_tol_abs=0")[2], run("adam:lr=0.01,eps=1e-37")[2]));
  // Nesterov: w -= (1-beta1)*Lam*(g + beta1*v). Scope per_tensor: the same with one tensor.
  const auto n = run("swats:eps=1e-37,switch_tol_abs=1e-6,nesterov=true", constant({0.1}, 3), {1}, {1});
  CHECK(near(n[2][0], 0.998 - 0.1 * 0.01 * (0.1 + 0.9 * 0.1)));
  const auto t = run("swats:eps=1e-37,switch_tol_abs=1e-6,scope=per_tensor", constant({0.1}, 5), {1}, {1});
  CHECK(near(t[4][0], w[4]));
  const auto late = run("swats:eps=1e-37,switch_tol_abs=1e-6,switch_after=4", constant({0.1}, 5), {1}, {1});
  CHECK(near(late[3][0], 0.996));
  CHECK(near(late[4][0], 0.996 - 0.1 * 0.01 * 0.1));
  // After the switch the schedule counts relative to its value there; zero gradients change nothing.
  CHECK(near(probe.step({0}, 0.5)[0], 0.997439 - 0.1 * 0.01 * 0.5 * 0.9 * 0.271));
  CHECK(run("swats", constant({0, 0, 0}, 3))[2] == values_of(tensor({3}, kW0)));
}

TEST_CASE("adam-cm: probes, the second step by hand, Adam for kappa = 0") {
  std::vector<Values> g = kG;
  g.push_back({0.5, 0.5, 0.5});
  g.push_back({0.01, 0.01, 0.01});
  const auto five = run("adam-cm:lr=0.01", g);
  CHECK(five[0] == values_of(tensor({3}, kW0)));
  CHECK(near(five[1], {0.9255863308, -1.9255863213, 0.4255863597}));
  CHECK(near(five[2], {0.8907594966, -1.9018511482, 0.3911386755}));
  CHECK(near(1 - five[1][0], 0.0744137, 1e-7, 1e-6));
  const auto one = run("adam-cm:lr=0.01,topC=1", g);
  CHECK(near(one[2], {0.9319459114, -1.9341047988, 0.4050135663}));
  CHECK(near(one[3], {0.8929188112, -1.9537663154, 0.3523326963}));
  CHECK(near(one[4], {0.8529714726, -1.9769252723, 0.3058146780}));
  CHECK(run("adam-cm:lr=0.01,kappa=0,weight_decay=0.1", g) == run("adamw:lr=0.01,weight_decay=0.1", g));
}

TEST_CASE("adam-c, sgd-c, rmsprop-c: the first step is the plain rule's, the second adds the buffer") {
  CHECK(near(run("adam-c:lr=0.01")[0], run("adam:lr=0.01")[0], 0, 0));
  CHECK(near(run("rmsprop-c:lr=0.01")[0], run("rmsprop:lr=0.01")[0], 0, 0));
  const std::vector<Values> sum{{0.1, -0.3, 0.02}, {-0.1, -0.2, 0.07}};
  CHECK(near(run("sgd-c:lr=0.1", {kG[0], kG[1]})[1], run("sgd:lr=0.1", sum)[1]));
  CHECK(near(run("adam-c:lr=0.01", {kG[0], kG[1]})[1], run("adam:lr=0.01", sum)[1]));
  CHECK(near(run("rmsprop-c:lr=0.01", {kG[0], kG[1]})[1], run("rmsprop:lr=0.01", sum)[1]));
}

TEST_CASE("critical buffer: the smallest key gives way, keys decay, the sum follows") {
  State s({1});
  const CriticalOptions o{.topC = 2, .decay = 0.5};
  CriticalBuffer buffer(s, o);
  CHECK(buffer.inverse_count() == 0);
  buffer.insert(4, tensor({1}, {1}));
  buffer.insert(3, tensor({1}, {10}));
  CHECK(buffer.inverse_count() == 0.5);
  buffer.insert(2, tensor({1}, {100}));  // too small
  CHECK(buffer.sum().item() == 11);
  buffer.decay();
  buffer.insert(2, tensor({1}, {100}));  // beats 1.5
  CHECK(buffer.sum().item() == 101);
  buffer.insert(2, tensor({1}, {1000}));  // equal keys stay
  CHECK(buffer.sum().item() == 101);
}

TEST_CASE("opt-amsgrad: probes without prediction and with the last gradient; AMSGrad for none") {
  const auto p = run("opt-amsgrad:lr=0.01,bias_correction=false");
  CHECK(near(p[0], {0.9900000100, -1.9900000033, 0.4900000500}));
  CHECK(near(p[1], {0.9908953326, -1.9760229471, 0.4740192556}));
  CHECK(near(p[2], {0.9921923695, -1.9817474800, 0.4567291043}));
  const auto c = run("opt-amsgrad:lr=0.01");
  CHECK(near(c[1], {0.9906647510, -1.9796226011, 0.4781349527}));
  CHECK(near(c[2], {0.9919187513, -1.9841766623, 0.4674957401}));
  const auto l = run("opt-amsgrad:lr=0.01,bias_correction=false,predictor=last_grad");
  CHECK(near(l[0], {0.9800000200, -1.9800000067, 0.4800001000}));
  CHECK(near(l[1], {0.9969604998, -1.9831877316, 0.4522223772}));
  // With h_lag = 0 and no prediction h is beta1 times the new mean.
  const auto h =
      run("opt-amsgrad:lr=0.01,predictor=zero,h_lag=0,bias_correction=false,eps=1e-37", {{1}}, {0}, {1});
  CHECK(near(h[0][0], -0.01 * 0.1 / 0.1 * 1.9, 1e-9, 1e-7));
}

TEST_CASE("extrapolation: the limit of a geometric sequence, regularised, and degenerate systems") {
  const double u1 = -0.5, u2 = -0.25;
  const std::vector<double> gram{u1 * u1, u1 * u2, u2 * u1, u2 * u2};
  const auto c = extrapolation_weights(gram, 1e-3);
  CHECK(std::abs(c[0] - -0.9534883721) < 1e-9);
  CHECK(std::abs(c[1] - 1.9534883721) < 1e-9);
  CHECK(std::abs(c[0] * 0.5 + c[1] * 0.25 - 0.0116279070) < 1e-9);
  const auto sharp = extrapolation_weights(gram, 1e-9);
  CHECK(std::abs(sharp[0] + 1) < 1e-6);
  CHECK(extrapolation_weights(std::vector<double>(4, 0.0), 0) == std::vector<double>{0.5, 0.5});
  CHECK(extrapolation_weights(std::vector<double>(4, 0.0), 1) == std::vector<double>{0.5, 0.5});
}

TEST_CASE("adaptive braking: alphas by hand, plain momentum for rho = 0, scalars, the wrapper") {
  const auto after = [](const std::string& rho, const Values& g) {
    Probe probe("adaptive-braking:lr=1,momentum=0.9,rho=" + rho, {2}, {0, 0});
    probe.step({1, 0});
    probe.step(g);
    return values_of(*probe.optimizer->slot(*probe.p, "v"));
  };
  CHECK(near(after("1", {0.6, 0.8}), {1.14, 0.32}));
  CHECK(near(after("2", {0.6, 0.8}), {0.78, -0.16}));
  CHECK(near(after("1", {-0.6, 0.8}), {-0.06, 1.28}));
  CHECK(near(after("1", {0, 3}), {0.9, 3}));
  CHECK(near(after("1", {60, 80}), {0.9 + 24, 32}, 1e-9, 1e-5));
  // alpha does not depend on the length of v either: 0.4 as above.
  Probe longer("adaptive-braking:lr=1,momentum=0.9,rho=1", {2}, {0, 0});
  longer.step({50, 0});
  longer.step({0.6, 0.8});
  CHECK(near(values_of(*longer.optimizer->slot(*longer.p, "v")), {45.24, 0.32}, 1e-9, 1e-5));
  CHECK(near(run("adaptive-braking:lr=0.1,rho=0,weight_decay=0.1")[2],
             run("sgd:lr=0.1,momentum=0.9,weight_decay=0.1")[2]));
  for (const std::string delay : {"0", "1", "2"})
    CHECK(near(run("delayed(adaptive-braking:lr=0.1,rho=0):delay=" + delay)[2],
               run("delayed(sgd:lr=0.1,momentum=0.9):delay=" + delay)[2], 0, 0));
  const auto s = run("adaptive-braking:lr=1,rho=1", {{2}, {3}, {-3}}, {0}, {1});
  CHECK(near(s[1][0] - s[0][0], -1.8));         // coasting
  CHECK(near(s[2][0] - s[1][0], -(1.62 - 6)));  // twice the brake
  for (const std::string scope : {"filter", "tensor", "global"})
    CHECK(near(run_matrix("braking(sgd:lr=0.1,momentum=0.9):rho=1.5,scope=" + scope)[1],
               run_matrix("adaptive-braking:lr=0.1,momentum=0.9,rho=1.5,scope=" + scope)[1]));
  // A slot of another shape than the weights' is no momentum.
  check_same(run_matrix("braking(nero)"), run_matrix("nero"));
}
