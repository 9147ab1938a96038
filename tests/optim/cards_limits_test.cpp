// Invariants and limits among the exact checks of the papers of layer-wise rules, clipping, matrices, curvature and
// step sizes; what can be worked by hand is in the other cards_*_test.cpp.
#include "core/linalg.h"
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

std::vector<Values> gaussian_steps(int steps, int64 n, std::uint64_t seed = 5) {
  std::vector<Values> out;
  for (int t = 0; t < steps; ++t)
    out.push_back(values_of(Rng(seed).fork(static_cast<std::uint64_t>(t)).normal_tensor({n})));
  return out;
}
// Every step's gradient by a factor of its own.
std::vector<Values> rescaled(std::vector<Values> gs) {
  double c = 0.1;
  for (Values& g : gs) {
    for (double& x : g) x *= c;
    c *= 3;
  }
  return gs;
}
double inner(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
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

TEST_CASE("lars: gradients of any size, step by step; without a ratio momentum SGD to the bit") {
  const auto gs = gaussian_steps(6, 6);
  CHECK(near(run_matrix("lars:lr=3,weight_decay=0", gs)[5],
             run_matrix("lars:lr=3,weight_decay=0", rescaled(gs))[5], 1e-12, 1e-5));
  CHECK(run("lars:lr=0.1,momentum=0.9,lr_in_buffer=false") == run("sgd:lr=0.1,momentum=0.9"));
}

TEST_CASE("tvlars: the factor stays under 1/alpha + gamma_min and above gamma_min") {
  Probe probe(
      "tvlars:lr=1,momentum=0,weight_decay=0,eta=1e-3,norm_clamp=0,lmbda=0.2,alpha=0.5,delay=30,gamma_min=0."
      "05",
      {1, 2}, {3, 4});
  Values w{3, 4};
  double before = 1 / 0.5 + 0.05;
  for (int t = 1; t <= 90; ++t) {
    const Values next = probe.step({0.6, 0.8});
    const double phi = length(minus(next, w)) / (1e-3 * length(w));
    if (kDouble || (t > 10 && t < 70)) CHECK(phi < before * (1 + tolerance(1e-12, 1e-3)));
    CHECK(phi > 0.05 * (1 - tolerance(1e-12, 1e-2)));
    before = phi, w = next;
  }
}

TEST_CASE(
    "lawn: the projection is orthogonal and idempotent; layers of scale-invariant gradients only turn") {
  const Values w{3, 4}, g{1, 0}, projected{0.64, -0.48};
  const auto step = [&](const Values& gradient) {
    return run_matrix("lawn(sgd:lr=0.5)", {gradient}, w, {1, 2})[0];
  };
  CHECK(near(step(g), step(projected), 1e-12, 1e-6));
  // w - lr*P(g) has length sqrt(||w||^2 + lr^2*||P(g)||^2), so its angle to w is known.
  CHECK(near(inner(step(g), w) / 25, 5 / std::sqrt(25 + 0.25 * 0.64), 1e-12, 1e-6));
  const Values across{0.8, -0.6}, plain{3 - 0.5 * 0.8, 4 + 0.5 * 0.6};
  CHECK(near(step(across), scaled({plain}, 5 / length(plain))[0], 1e-12, 1e-6));
}

TEST_CASE("adagc: norms that stay within the relative limit are never clipped") {
  Probe probe("adagc(sgd:lr=1):warmup_steps=2", {1, 2}, {0, 0});
  Values w = probe.step({0.6, 0});
  for (int t = 0; t < 40; ++t) {
    const Values next = probe.step({0, 0.62});  // at most 1.05*0.6
    CHECK(near(minus(w, next), {0, 0.62}, 1e-12, 4e-6));
    w = next;
  }
}

TEST_CASE("component-clipping: factors by hand, directions kept, every norm and the whole step bounded") {
  auto a = make_parameter("a", ParamKind::kWeight, tensor({1, 2}, {0, 0})),
       b = make_parameter("b", ParamKind::kWeight, tensor({1, 2}, {0, 0}));
  const auto moved = [&](const std::string& spec, const Values& ga, const Values& gb) {
    a->value.fill(0), b->value.fill(0);
    a->grad = tensor({1, 2}, ga), b->grad = tensor({1, 2}, gb);
    make_optimizer(spec, {a, b})->step(1, 1.0);
    return std::pair{values_of(a->value), values_of(b->value)};
  };
  const auto [large, small] =
      moved("component-clipping(sgd:lr=1):max_clip_value=0.1", {3, 4}, {0.006, 0.008});
  CHECK(near(length(large) / 5, 0.01999999600, 1e-12, 1e-8));
  CHECK(small == values_of(tensor({2}, {-0.006, -0.008})));
  // The global norm keeps the ratio of the two instead.
  const auto [first, second] = moved("clip-norm(sgd:lr=1):max_norm=0.1", {3, 4}, {0.006, 0.008});
  CHECK(near(length(first), 0.1, 1e-6, 1e-6));
  CHECK(near(length(second), 0.0002, 1e-9, 1e-9));
  for (const Values& g : gaussian_steps(5, 4)) {
    const auto [x, y] =
        moved("component-clipping(sgd:lr=0.5):max_clip_value=0.3", {g[0], g[1]}, {100 * g[2], 100 * g[3]});
    CHECK(length(x) <= 0.5 * 0.3 * (1 + 1e-6));
    CHECK(length(y) <= 0.5 * 0.3 * (1 + 1e-6));
    CHECK(near(-inner(x, {g[0], g[1]}), length(x) * length({g[0], g[1]}), 1e-12, 1e-5));
    CHECK(near(-inner(y, {g[2], g[3]}), length(y) * length({g[2], g[3]}), 1e-12, 1e-5));
    CHECK(std::hypot(length(x), length(y)) <= 0.5 * 0.3 * std::sqrt(2.0) * (1 + 1e-6));
  }
}

TEST_CASE("coordinate-clipping: no coordinate grows or turns; the sharpness along it ignores its size") {
  const auto clipped = [](const std::string& options, const Values& u) {
    return scaled(run("coordinate-clipping(sgd:lr=1):" + options, {u}, Values(u.size(), 0),
                      {static_cast<int64>(u.size())}),
                  -1)[0];
  };
  for (const std::string share : {"p=0.1", "p=0.5", "p=0.9"})
    for (const Values& u : gaussian_steps(3, 40)) {
      const Values c = clipped(share, u);
      for (size_t i = 0; i < u.size(); ++i) {
        CHECK(std::abs(c[i]) <= std::abs(u[i]) * (1 + 1e-6));
        CHECK(c[i] * u[i] >= 0);
      }
      CHECK(inner(c, u) >= 0);
    }
  const auto along = [](const Values& d) { return (100 * d[0] * d[0] + d[1] * d[1]) / inner(d, d); };
  const Values u{100, 1};
  CHECK(near(along(clipped("p=0.5", u)), along(clipped("p=0.5", scaled({u}, 7)[0])), 1e-9, 1e-4));
  CHECK(near(along({1, -1}), 50.5));  // the direction of the signs
  for (const Values& d : gaussian_steps(4, 2)) {
    CHECK(along(d) >= 1 - 1e-9);
    CHECK(along(d) <= 100 + 1e-9);
  }
}

TEST_CASE("sgd-sai: the ratio is least for gradients of mean zero; steps grow with the gradient") {
  const auto move = [](const Values& g) {
    return run_matrix("sgd-sai:lr=0.1,weight_decay=0,eps=1e-30", {g}, Values(g.size(), 0),
                      {1, static_cast<int64>(g.size())})[0];
  };
  const auto ratio = [&](const Values& g) { return length(move(g)) / (0.1 * length(g)); };
  for (Values g : gaussian_steps(4, 9)) {
    CHECK(ratio(g) >= std::sqrt(8.0) * (1 - 1e-6));
    double mean = 0;
    for (double x : g) mean += x / 9;
    for (double& x : g) x -= mean;
    CHECK(near(ratio(g), std::sqrt(8.0), 1e-9, 1e-5));
    CHECK(near(move(scaled({g}, 10)[0]), scaled({move(g)}, 10)[0], 1e-9, 1e-4));
  }
}

TEST_CASE("sgg: the rule inside to the bit for beta3 = 1 and before the first clustering; scale invariance") {
  const auto gs = gaussian_steps(8, 40);
  const Values start = gaussian_steps(1, 40, 9)[0];
  const auto adam = run_matrix("adam:lr=0.1", gs, start, {8, 5});
  const auto late = run_matrix("sgg(adam:lr=0.1):recluster_interval=8", gs, start, {8, 5});
  for (size_t t = 0; t < 7; ++t) CHECK(late[t] == adam[t]);
  for (const std::string mode : {"mda", "mean"}) {
    const auto still =
        run_matrix("sgg(adam:lr=0.1):recluster_interval=2,beta3=1,scale_mode=" + mode, gs, start, {8, 5});
    CHECK(near(still[7], adam[7], 1e-14, 1e-6));
  }
  CHECK(near(run_matrix("sgg(adam:lr=0.1):n_clusters=1,recluster_interval=2,scale_mode=mean,beta_c=0", gs,
                        start, {8, 5})[7],
             adam[7], 1e-12, 1e-5));
  // Layers of fewer than ten entries a cluster are left alone.
  const std::string early = "sgg(adam:lr=0.1):recluster_interval=2,n_clusters=4";
  CHECK(distance(run_matrix(early, gs, start, {8, 5})[7], adam[7]) > 1e-6);
  std::vector<Values> fewer;
  for (const Values& g : gs) fewer.emplace_back(g.begin(), g.begin() + 39);
  const Values first(start.begin(), start.begin() + 39);
  CHECK(run_matrix(early, fewer, first, {3, 13})[7] == run_matrix("adam:lr=0.1", fewer, first, {3, 13})[7]);
  // Momenta of all layers times c: the ratios of deviations stay, and so does Adam's direction.
  const std::string spec = "sgg(adam:lr=0.1,eps=1e-30):recluster_interval=2,eps=1e-30,beta3=0.5";
  CHECK(near(run_matrix(spec, gs, start, {8, 5})[7], run_matrix(spec, scaled(gs, 64), start, {8, 5})[7],
             1e-12, 1e-5));
}

TEST_CASE("subset-norm: one subset of all entries is AdaGrad-Norm; divisors; projections are orthogonal") {
  const auto gs = gaussian_steps(5, 12);
  const Values zero(12, 0);
  CHECK(near(
      run_matrix("subset-norm:lr=1,subset_size=12,momentum_type=none,beta2=1,correct_bias=false,eps=1e-30",
                 gs, zero, {3, 4})[4],
      run_matrix("adagrad-norm:lr=1,b0=0", gs, zero, {3, 4})[4], 1e-12, 1e-5));
  const auto subsets = [](const std::string& size, const Shape& shape) {
    Probe probe("subset-norm:subset_size=" + size, shape, Values(static_cast<size_t>(shape.numel()), 0));
    probe.step(values_of(Rng(1).normal_tensor({shape.numel()})));
    return probe.optimizer->slot(*probe.p, "V")->numel();
  };
  CHECK(subsets("5", {3, 4}) == 12 / 4);
  CHECK(subsets("-2", {128, 128}) == 16384 / 64);
  CHECK(subsets("heuristics", {3, 5}) == 5);
  CHECK(subsets("heuristics", {6, 5}) == 6);
  // The first move is -(0.1*back(low) + g - back(low)): the part without momentum and the projection are known.
  for (const std::string type : {"svd", "uniform", "topk", "srht"})
    for (const Shape& shape : {Shape{3, 4}, Shape{4, 3}}) {
      CAPTURE(type);
      const Values& g = gs[0];
      Probe probe(
          "subset-norm:lr=1,momentum_type=sm,second_moment_type=none,correct_bias=false,rank=2,proj_type=" +
              type,
          shape, zero);
      const Values move = probe.step(g);
      Values back, rest;
      for (size_t i = 0; i < 12; ++i) {
        back.push_back((g[i] + move[i]) / 0.9);
        rest.push_back(g[i] - back[i]);
      }
      CHECK(near(inner(back, rest), 0, 1e-12, 1e-5));
      CHECK(near(inner(g, g), inner(back, back) + inner(rest, rest), 1e-12, 1e-4));
      CHECK(length(back) > 1e-3);
      CHECK(length(rest) > 1e-3);
      const Tensor& low = *probe.optimizer->slot(*probe.p, "m");
      CHECK(near(length(values_of(low)) / 0.1, length(back), 1e-12, 1e-5));
    }
}

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

TEST_CASE("soap, original form: without a rotated side it is Adam from the second gradient on") {
  const auto gs = gaussian_steps(6, 12);
  const std::vector<Values> later(gs.begin() + 1, gs.end());
  const std::string options = "lr=0.1,beta1=0.8,beta2=0.95,eps=1e-30";
  const auto soap = run_matrix("soap:form=original,max_dim=1," + options, gs, Values(12, 0), {3, 4});
  const auto adam = run_matrix("adam:" + options, later, Values(12, 0), {3, 4});
  CHECK(soap[0] == Values(12, 0));
  for (size_t t = 0; t < 5; ++t) CHECK(near(soap[t + 1], adam[t], 1e-9, 1e-5));
}

TEST_CASE("soap, original form: second moments follow the order of the basis") {
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
  const auto soap = run_matrix("soap:form=original,update_every=3," + options, gs, Values(4, 0), {2, 2});
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
