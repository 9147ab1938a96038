// Invariants and limits among the exact checks of the papers of matrix rules.
#include "core/linalg.h"
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

TEST_CASE("whitening without memory: (GG')^(-1/4) G (G'G)^(-1/4) is the polar factor") {
  const Tensor g = Rng(3).normal_tensor({3, 5});
  const auto quarter = [](const Tensor& a) {
    const linalg::Eigen eigen = linalg::eigh(a);
    const double top = static_cast<double>(eigen.values.data()[eigen.values.numel() - 1]);
    return linalg::spectral_function(eigen,
                                     [=](double x) { return x > 1e-5 * top ? std::pow(x, -0.25) : 0.0; });
  };
  const Tensor left = quarter(linalg::matmul(g, g, false, true)), right = quarter(linalg::matmul(g, g, true));
  CHECK(near(values_of(linalg::matmul(linalg::matmul(left, g), right)), values_of(linalg::polar_factor(g)),
             1e-6, 1e-3));
}

TEST_CASE("soap: without a rotated side it is Adam from the second gradient on") {
  const auto gs = gaussian_steps(6, 12);
  const std::vector<Values> later(gs.begin() + 1, gs.end());
  const std::string options = "lr=0.1,beta1=0.8,beta2=0.95,eps=1e-30";
  const auto soap = run_matrix("soap:max_dim=1,weight_decay=0," + options, gs, Values(12, 0), {3, 4});
  const auto adam = run_matrix("adam:" + options, later, Values(12, 0), {3, 4});
  CHECK(soap[0] == Values(12, 0));
  for (size_t t = 0; t < 5; ++t) CHECK(near(soap[t + 1], adam[t], 1e-9, 1e-5));
}

TEST_CASE("soap: second moments follow the order of the basis") {
  // Diagonal gradients: whatever the order of the eigenvectors, each entry is Adam's on its own. The order turns
  // round at the refresh of step 4 and back later.
  const auto diagonal = [](double a, double b) { return Values{a, 0, 0, b}; };
  std::vector<Values> gs;
  for (const auto& [a, b] : {std::pair{3.0, 0.1},
                             {2.0, -0.2},
                             {0.1, 9.0},
                             {-0.2, 8.0},
                             {0.3, 7.0},
                             {0.1, 9.0},
                             {40.0, 0.3},
                             {50.0, 0.2},
                             {60.0, -0.1},
                             {45.0, 0.4}})
    gs.push_back(diagonal(a, b));
  const std::vector<Values> later(gs.begin() + 1, gs.end());
  const std::string options = "lr=0.1,beta1=0.8,beta2=0.9,eps=1e-12";
  const auto soap = run_matrix("soap:update_every=3,weight_decay=0," + options, gs, Values(4, 0), {2, 2});
  const auto adam = run_matrix("adam:" + options, later, Values(4, 0), {2, 2});
  for (size_t t = 0; t < later.size(); ++t) {
    CHECK(near(soap[t + 1][0], adam[t][0], 1e-6, 1e-4));
    CHECK(near(soap[t + 1][3], adam[t][3], 1e-6, 1e-4));
  }
}

TEST_CASE("splus, released form: weights to evaluate are a running mean of those after each step") {
  Probe probe("splus:form=released,lr=0.5", {3, 4}, Values(12, 1));
  Values mean;
  for (const Values& g : gaussian_steps(6, 12)) {
    const Values w = probe.step(g);
    if (mean.empty()) mean = w;
    for (size_t i = 0; i < 12; ++i) mean[i] = 0.999 * mean[i] + 0.001 * w[i];
    CHECK(near(values_of(*probe.optimizer->slot(*probe.p, "average")), mean, 1e-12, 1e-6));
  }
  CHECK(distance(mean, values_of(probe.p->value)) > 1e-3);
}

TEST_CASE("psgd: a direction longer than 1.1 a coordinate is cut to that length") {
  Probe probe("psgd:lr=1", {3, 4}, Values(12, 0));
  Values before(12, 0);
  for (const Values& g : scaled(gaussian_steps(3, 12), 30)) {
    const Values w = probe.step(g);
    CHECK(near(length(minus(w, before)), 1.1 * std::sqrt(12.0), 1e-9, 1e-4));
    before = w;
  }
}

TEST_CASE("adago: all gradients scaled, the same trajectory") {
  const auto gs = gaussian_steps(6, 12);
  const std::string spec = "adago:gamma=1e30,v0=1e-30,eps=0";
  CHECK(near(run_matrix(spec, gs, Values(12, 0), {3, 4})[5],
             run_matrix(spec, scaled(gs, 100), Values(12, 0), {3, 4})[5], 1e-6, 1e-5));
}

TEST_CASE("soap, shampoo: spread, each matrix has its new basis at steps of its own, as often as before") {
  constexpr int kMatrices = 4, kSteps = 12;
  // Steps at which matrix i gets another basis, from the second on.
  const auto renewals = [](const std::string& spec) {
    Rng rng(3);
    Parameters parameters;
    for (int i = 0; i < kMatrices; ++i)
      parameters.push_back(
          make_parameter("w" + std::to_string(i), ParamKind::kWeight, rng.normal_tensor({3, 4})));
    const auto optimizer = make_optimizer(spec, parameters);
    std::vector<std::vector<int>> steps(kMatrices);
    std::vector<std::vector<real>> before(kMatrices);
    for (int t = 0; t < kSteps; ++t) {
      for (const ParameterPtr& p : parameters) p->grad = rng.normal_tensor({3, 4});
      optimizer->step();
      for (size_t i = 0; i < kMatrices; ++i) {
        const std::vector<real> now = optimizer->slot(*parameters[i], "QL")->values();
        if (t > 0 && now != before[i]) steps[i].push_back(t);
        before[i] = now;
      }
    }
    return steps;
  };
  using Steps = std::vector<std::vector<int>>;
  CHECK(renewals("soap:update_every=4") == Steps(4, {4, 8}));
  CHECK(renewals("soap:update_every=4,spread=true") == Steps{{4, 8}, {3, 7, 11}, {2, 6, 10}, {1, 5, 9}});
  CHECK(renewals("shampoo:update_every=4") == Steps(4, {3, 7, 11}));  // counted from 1 there
  CHECK(renewals("shampoo:update_every=4,spread=true") == Steps{{3, 7, 11}, {2, 6, 10}, {1, 5, 9}, {4, 8}});
  // Where all are renewed at every step, nothing is left to spread.
  CHECK(renewals("soap:update_every=1,spread=true") == renewals("soap:update_every=1"));
}
