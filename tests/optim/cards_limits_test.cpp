// Invariants and limits among the exact checks of the papers of layer-wise rules and clipping; those of matrices,
// curvature and step sizes: cards_limits_matrix_test.cpp. What can be worked by hand is in the other cards_*_test.cpp.
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

// Every step's gradient by a factor of its own.
std::vector<Values> rescaled(std::vector<Values> gs) {
  double c = 0.1;
  for (Values& g : gs) {
    for (double& x : g) x *= c;
    c *= 3;
  }
  return gs;
}

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
