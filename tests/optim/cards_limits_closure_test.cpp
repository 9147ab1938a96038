// Invariants and limits among the exact checks of the papers of rules that ask more of the batch than its gradient.
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

Values symmetric_times(const Values& h, const Values& v) {  // 2x2
  return {h[0] * v[0] + h[1] * v[1], h[1] * v[0] + h[2] * v[1]};
}

// A function of "w" that also prescribes draws, has a Gauss-Newton model, and is its own second batch.
class Given final : public Objective {
 public:
  Given(Function1 f, const Values& start)
      : function(std::move(f)),
        parameters_{
            make_parameter("w", ParamKind::kBias, tensor({static_cast<int64>(start.size())}, start))} {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override {
    return {.loss = true, .re_evaluation = true, .hvp = true, .gauss_newton = true, .second_batch = true};
  }
  double loss() override { return function.f(values()); }
  double gradient() override {
    parameters_[0]->grad = tensor(parameters_[0]->value.shape(), function.g(values()));
    return loss();
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    return {tensor(v[0].shape(), function.h(values(), values_of(v[0])))};
  }
  GaussNewton gauss_newton() override { return model; }
  Objective& second_batch() override { return *this; }
  const PrescribedDraws* prescribed_draws() const override { return draws.warmup.empty() ? nullptr : &draws; }
  Values values() const { return values_of(parameters_[0]->value); }

  Function1 function;
  PrescribedDraws draws;
  GaussNewton model;

 private:
  Parameters parameters_;
};

}  // namespace

TEST_CASE("lanton: a layer of its own, or a second batch that is the first, keeps the whole step size") {
  const auto gs = gaussian_steps(5, 6);
  CHECK(run_matrix("lanton:lr=0.1,alpha=0.3", gs) == run_matrix("lanton:lr=0.1,alpha=1e6", gs));
  Given full(diagonal_quadratic({1, 4}), {2, 1});
  const auto one = make_optimizer("lanton:lr=0.1,option=I,alpha=1e-3", full.parameters());
  Probe fixed("lanton:lr=0.1,alpha=1e6", {2, 1});
  for (int t = 0; t < 5; ++t) {
    const Values w = full.values();
    one->step(full);
    CHECK(full.values() == fixed.step({w[0], 4 * w[1]}));
  }
}

TEST_CASE(
    "oasis: probes give the Hessian's diagonal in the mean, signed until the end; AdGD for a large alpha") {
  const auto diagonal = [](const Values& h, const std::vector<Values>& probes) {
    Given f({[](const Values&) { return 1.0; },
             [](const Values&) {
               return Values{1, 1};
             },
             [=](const Values&, const Values& v) { return symmetric_times(h, v); }},
            {0, 0});
    for (const Values& z : probes) f.draws.warmup.push_back({tensor({2}, z)});
    const auto optimizer = make_optimizer("oasis:eta0=0.1,alpha=0.25", f.parameters());
    optimizer->step(f);
    return std::pair{values_of(*optimizer->slot(*f.parameters()[0], "D")), f.values()};
  };
  const std::vector<Values> all{{1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
  CHECK(near(diagonal({2, 1, 3}, all).first, {2, 3}, 1e-12, 1e-6));
  const Values single = diagonal({2, 1, 3}, {{1, -1}}).first;
  CHECK(near(single[0] + single[1], 2 - 2 + 3, 1e-12, 1e-6));  // z'Hz
  // Estimates of +1 and -1 cancel before their size is taken: alpha is left.
  const auto [d, w] = diagonal({0, 1, 0}, all);
  CHECK(near(d, {0, 0}, 1e-12, 1e-6));
  CHECK(near(w, {-0.1 / 0.25, -0.1 / 0.25}, 1e-12, 1e-6));

  const Values a{3, 1};
  Descent descent("oasis:eta0=100,alpha=1000", diagonal_quadratic(a), {1, 2});
  Values x{1, 2}, past, g, before;
  double size = 0.1, theta = 1e300;
  for (int t = 0; t < 8; ++t) {
    g = {a[0] * x[0], a[1] * x[1]};
    if (t > 0) {
      const double local = length(minus(x, past)) / (2 * length(minus(g, before)));
      const double next = std::min(std::sqrt(1 + theta) * size, local);
      theta = next / size, size = next;
    }
    past = x, before = g;
    x = {x[0] - size * g[0], x[1] - size * g[1]};
    CHECK(near(descent.step(), x, 1e-9, 1e-4));
  }
}

TEST_CASE("sania: with an eps that counts the scale of the data counts" * doctest::skip(!kDouble)) {
  const auto data = [](double c) {
    const auto rest = [=](const Values& w) { return c * w[0] - 1; };
    return Function1{[=](const Values& w) { return 0.5 * rest(w) * rest(w) + 0.5 * std::pow(w[1] - 1, 2); },
                     [=](const Values& w) {
                       return Values{c * rest(w), w[1] - 1};
                     }};
  };
  const double c = std::pow(2.0, -14);
  const auto drift = [&](const std::string& eps) {
    const std::string spec = "sania:preconditioner=adam-sqr,eps=" + eps;
    return std::abs(descend_by(spec, data(1), {0, 0}, 5)[0] - c * descend_by(spec, data(c), {0, 0}, 5)[0]);
  };
  CHECK(drift("1e-300") < 1e-12);
  CHECK(drift("1e-8") > 0.05);
}

TEST_CASE("amp: no point on the way leaves the ball; sam: gradients of quadratics") {
  std::vector<Values> visited;
  Function1 watched = diagonal_quadratic({1, 4});
  watched.g = [&](const Values& w) {
    visited.push_back(w);
    return Values{w[0], 4 * w[1]};
  };
  descend_by("amp(sgd:lr=0.1):epsilon=0.5,inner_lr=0.05,inner_iter=6", watched, {2, 1});
  REQUIRE(visited.size() == 7);
  for (size_t i = 1; i < 7; ++i) {
    CHECK(length(minus(visited[i], {2, 1})) <= 0.5 * (1 + 1e-6));
    CHECK(length(minus(visited[i], {2, 1})) > 0.1);
  }
  // (A + rho*A^2) w
  CHECK(near(descend_by("sam(sgd:lr=1):normalized=false,rho=0.05", diagonal_quadratic({1, 4}), {2, 1}),
             {2 - (1 + 0.05) * 2, 1 - (4 + 0.05 * 16)}, 1e-12, 1e-6));
}

TEST_CASE("d-adaptation: num is half of ||s||^2 - sum of the squared weighted gradients") {
  Given f(diagonal_quadratic({1, 10}), {1, 2});
  const auto optimizer = make_optimizer("dadapt-sgd:d0=0.01", f.parameters());
  double squares = 0;
  for (int t = 0; t < 12; ++t) {
    const Values w = f.values(), g{w[0], 10 * w[1]};
    const double d = t == 0 ? 0.01 : optimizer->scalar("d").value();
    optimizer->step(f);
    squares += std::pow(d / optimizer->scalar("G0").value(), 2) * inner(g, g);
    const Values s = values_of(*optimizer->slot(*f.parameters()[0], "s"));
    CHECK(near(optimizer->scalar("num").value(), 0.5 * (inner(s, s) - squares), 1e-12, 1e-5));
  }
}

TEST_CASE("aepg: a step by hand and the energy law in metrics of the outputs and of the simplex") {
  Given bowl(diagonal_quadratic({1, 4}), {2, 1});
  // J'J/2 = diag(1, 4), so T = diag(1, 1/4).
  bowl.model = {tensor({2, 2}, {std::sqrt(2.0), 0, 0, std::sqrt(8.0)}), tensor({2}, {0, 0}),
                Tensor::ones({2, 1, 1})};
  const auto fisher = make_optimizer("aepg:lr=0.1,preconditioner=fisher,damping=1e-12", bowl.parameters());
  double r = std::sqrt(4.0 + 1);
  Values before{2, 1};
  for (int t = 0; t < 6; ++t) {
    fisher->step(bowl);
    const Values now = bowl.values(), moved = minus(now, before);
    const double next = fisher->scalar("r").value();
    if (t == 0) {
      CHECK(near(next, 2.07043331, 1e-8, 1e-5));
      CHECK(near(now, {1.81481481, .90740741}, 1e-8, 1e-5));
    }
    const double metric = moved[0] * moved[0] + 4 * moved[1] * moved[1];
    CHECK(near(next * next, r * r - (next - r) * (next - r) - metric / 0.1, 1e-9, 1e-4));
    r = next, before = now;
  }
  Descent simplex("aepg:lr=0.05,preconditioner=entropy", diagonal_quadratic({1, 10, 3}), {0.2, 0.3, 0.5});
  before = {0.2, 0.3, 0.5};
  r = std::sqrt(simplex.objective.loss() + 1);
  for (int t = 0; t < 8; ++t) {
    const Values now = simplex.step(), moved = minus(now, before);
    double metric = 0;
    for (size_t i = 0; i < 3; ++i) metric += moved[i] * moved[i] / before[i];
    const double next = simplex.scalar("r");
    CHECK(near(next * next, r * r - (next - r) * (next - r) - metric / 0.05, 1e-12, 1e-5));
    r = next, before = now;
  }
}
