// The exact checks of the papers of layer-wise rules, gradient transforms and wrappers of steps.
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

const Shape kRow{1, 2};

// The first step on w = (3,4) as a layer of one row.
Values first(const std::string& spec, const Values& g, const Values& w = {3, 4}) {
  return run(spec, {g}, w, {1, static_cast<int64>(w.size())})[0];
}
std::vector<Values> matrix_run(const std::string& spec, const std::vector<Values>& gs) {
  return run_matrix(spec, gs);
}
std::vector<Values> noise(int steps, int64 n, std::uint64_t seed = 5) {
  std::vector<Values> out;
  for (int t = 0; t < steps; ++t)
    out.push_back(values_of(Rng(seed).fork(static_cast<std::uint64_t>(t)).normal_tensor({n})));
  return out;
}

// Two parameters of any shapes under one optimizer.
struct Two {
  ParameterPtr a, b;
  OptimizerPtr optimizer;
  Two(const std::string& spec, const Shape& sa, const Values& wa, const Shape& sb, const Values& wb)
      : a(make_parameter("a", ParamKind::kWeight, tensor(sa, wa))),
        b(make_parameter("b", ParamKind::kWeight, tensor(sb, wb))),
        optimizer(make_optimizer(spec, {a, b})) {}
  void step(const Values& ga, const Values& gb) {
    a->grad = tensor(a->value.shape(), ga), b->grad = tensor(b->value.shape(), gb);
    optimizer->step(1, 1.0);
  }
};

}  // namespace

TEST_CASE(
    "lars: first steps of the three norms, scale invariance, relative change, plain momentum for vectors") {
  const std::string off = ",weight_decay=0,trust_coefficient=1e-3";
  CHECK(near(first("lars:lr=1" + off, {0.6, 0.8}), {2.997, 3.996}));
  const std::string decay = "lars:lr=1,weight_decay=0.1,trust_coefficient=1e-3,norm_mode=";
  CHECK(near(first(decay + "paper", {0.8, -0.6}), {2.996333, 4.000667}, 1e-6, 3e-6));
  CHECK(near(first(decay + "joint", {0.8, -0.6}), {2.995081, 4.000894}, 1e-6, 3e-6));
  CHECK(near(first(decay + "grad_only", {0.8, -0.6}), {3 - 0.0055, 4 + 0.001}));
  CHECK(near(matrix_run("lars:lr=0.5,weight_decay=0", kGM)[1],
             matrix_run("lars:lr=0.5,weight_decay=0", scaled(kGM, 37))[1]));
  const auto w = matrix_run("lars:lr=2,momentum=0,weight_decay=0,trust_coefficient=0.01", kGM);
  CHECK(near(length(minus(w[0], kM0)) / length(kM0), 0.02, 1e-12, 1e-6));
  CHECK(near(length(minus(w[1], w[0])) / length(w[0]), 0.02, 1e-12, 1e-6));
  // A vector is left out of the scaling: SGD with momentum.
  CHECK(near(run("lars:lr=0.1,momentum=0.9")[2], run("sgd:lr=0.1,momentum=0.9")[2]));
}

TEST_CASE("tvlars: the decaying factor in both forms, its first step, LARS without decay in time") {
  // ||w - w'|| = lr*eta*phi(t)*||w|| without momentum; lr_scale 0 lets time pass.
  const auto phi = [](const std::string& options, int t) {
    Probe probe("tvlars:lr=1,momentum=0,weight_decay=0,eta=1e-3,norm_clamp=0," + options, kRow, {3, 4});
    for (int i = 1; i < t; ++i) probe.step({0.6, 0.8}, 0);
    return length(minus(probe.step({0.6, 0.8}), {3, 4})) / (5 * 1e-3);
  };
  CHECK(near(phi("lmbda=0.001", 1), 0.908265, 1e-6, 2e-4));
  CHECK(near(phi("lmbda=0.001", 10), 0.900860, 1e-6, 2e-4));
  CHECK(near(phi("lmbda=0.001", 1000), 0.354826, 1e-6, 2e-4));
  CHECK(near(phi("lmbda=0.001", 5000), 0.00673341, 1e-8, 2e-4));
  const std::string paper = "lmbda=0.001,alpha=1,delay=1000,gamma_min=0.05";
  CHECK(near(phi(paper, 1), 0.780862, 1e-6, 2e-4));
  CHECK(near(phi(paper, 1000), 0.55, 1e-9, 2e-4));
  CHECK(near(phi(paper, 5000), 0.0679862, 1e-7, 2e-4));
  CHECK(near(first("tvlars:lr=1,weight_decay=0,eta=1e-3", {0.6, 0.8}), {2.997275, 3.996367}, 1e-6, 3e-6));
  CHECK(near(matrix_run("tvlars:lr=1,lmbda=0,eta=0.01,norm_clamp=0,weight_decay=0.1,norm_mode=joint", kGM)[1],
             matrix_run("lars:lr=1,trust_coefficient=" + fmt::format("{}", 0.01 / 1.1) +
                            ",weight_decay=0.1,norm_mode=joint",
                        kGM)[1],
             1e-7, 2e-6));
  double before = 1 / 0.1;
  for (int t : {1, 2, 50, 400}) {
    const double now = phi("lmbda=0.01", t);
    CHECK(now < before);
    before = now;
  }
}

TEST_CASE("lamb: first steps, bias correction cancels, relative change, scale invariance") {
  CHECK(near(first("lamb:lr=0.01", {0.5, -2}), {2.964645, 4.035355}, 1e-6, 3e-6));
  CHECK(near(first("lamb:lr=0.01,bias_correction=false", {0.5, -2}), {2.964645, 4.035355}, 2e-6, 4e-6));
  CHECK(near(first("lamb:lr=0.01,weight_decay=0.01", {0.5, -2}), {2.963424, 4.034091}, 1e-6, 3e-6));
  const auto w = matrix_run("lamb:lr=0.03,weight_decay=0.1", kGM);
  CHECK(near(length(minus(w[0], kM0)), 0.03 * length(kM0), 1e-12, 1e-6));
  CHECK(near(length(minus(w[1], w[0])), 0.03 * length(w[0]), 1e-12, 1e-6));
  CHECK(near(matrix_run("lamb:lr=0.03,eps=1e-30", kGM)[1],
             matrix_run("lamb:lr=0.03,eps=1e-30", scaled(kGM, 100))[1], 1e-12, 1e-6));
  CHECK(near(matrix_run("lamb:lr=0.03,adam=true,weight_decay=0.1,eps=1e-6", kGM)[1],
             matrix_run("adamw:lr=0.03,weight_decay=0.1,eps=1e-6", kGM)[1], 1e-12, 1e-6));
}

TEST_CASE("lawn: a step by hand, constant norms after the switch, the base rule before, projections") {
  CHECK(near(first("lawn(sgd:lr=0.5)", {1, 0}), {2.671465, 4.226497}, 1e-6, 3e-6));
  Probe probe("lawn(adam:lr=0.1):free_steps=3", {2, 3}, kM0), base("adam:lr=0.1", {2, 3}, kM0);
  double radius = 0;
  int t = 0;
  for (const Values& g : noise(9, 6)) {
    const Values w = probe.step(g);
    if (++t <= 3) CHECK(w == base.step(g));
    if (t == 3) radius = length(w);
    if (t > 3) CHECK(near(length(w) / radius, 1, 1e-12, 1e-6));
  }
  // A gradient along w is projected away.
  CHECK(near(first("lawn(sgd:lr=0.5)", {6, 8}), {3, 4}));
}

TEST_CASE("nfnet-agc: per unit, small gradients untouched, zero weights") {
  const auto clipped = [](const Values& w, const Values& g) {
    return minus(w, run("nfnet-agc(sgd:lr=1):clipping=0.01,eps=1e-3", {g}, w, {1, 2})[0]);
  };
  CHECK(near(clipped({3, 4}, {0.3, 0.4}), {0.03, 0.04}));
  CHECK(near(clipped({3, 4}, {0.003, 0.004}), {0.003, 0.004}));
  CHECK(near(length(clipped({0, 0}, {0.6, 0.8})), 1e-5, 1e-12, 1e-9));
  // Units by themselves: rows of one matrix.
  const Values rows = minus({3, 4, 30, 40}, run("nfnet-agc(sgd:lr=1):clipping=0.01", {{0.3, 0.4, 0.3, 0.4}},
                                                {3, 4, 30, 40}, {2, 2})[0]);
  CHECK(near(rows, {0.03, 0.04, 0.3, 0.4}, 1e-9, 5e-6));
}

TEST_CASE("adagc: first norms under the absolute limit, relative limit afterwards, growth bounded, off") {
  Two two("adagc(sgd:lr=1):lambda_abs=1,warmup_steps=2", {1, 2}, {0, 0}, {1, 2}, {0, 0});
  two.step({3, 0}, {0, 4});
  CHECK(near(values_of(two.a->value), {-0.6, 0}, 1e-8));
  CHECK(near(values_of(two.b->value), {0, -0.8}, 1e-8));
  two.step({1.2, 0}, {0, 0.1});
  CHECK(near(values_of(two.a->value), {-0.6 - 0.63, 0}, 1e-8));
  CHECK(near(values_of(two.b->value), {0, -0.8 - 0.1}, 1e-8));
  const double gamma = two.optimizer->save_state().scalars.at("a/gamma");
  CHECK(near(gamma, 0.6006, 1e-8, 1e-6));
  Probe grows("adagc(sgd:lr=1):warmup_steps=2", kRow, {0, 0});
  Values w = grows.step({0.6, 0});
  for (int k = 1; k <= 20; ++k) {
    const Values next = grows.step({1e6, 0});
    CHECK(length(minus(next, w)) <= 1.05 * std::pow(1.001, k) * 0.6 * (1 + 1e-5));
    w = next;
  }
  CHECK(near(matrix_run("adagc(adam:lr=0.1):lambda_abs=1e30,lambda_rel=1e30", kGM)[1],
             matrix_run("adam:lr=0.1", kGM)[1], 0, 0));
}

TEST_CASE(
    "component-clipping: tensors by themselves, identity below, bounds, one tensor equals the global norm") {
  Two two("component-clipping(sgd:lr=1):max_clip_value=0.1", {1, 2}, {0, 0}, {1, 2}, {0, 0});
  two.step({3, 4}, {0.006, 0.008});
  CHECK(near(values_of(two.a->value), {-0.06, -0.08}, 2e-8, 1e-7));
  CHECK(near(values_of(two.b->value), {-0.006, -0.008}, 1e-15, 1e-9));
  CHECK(matrix_run("component-clipping(adam:lr=0.1):max_clip_value=1e5", kGM) ==
        matrix_run("adam:lr=0.1", kGM));
  CHECK(near(matrix_run("component-clipping(sgd:lr=1):max_clip_value=0.2", kGM)[1],
             matrix_run("clip-norm(sgd:lr=1):max_norm=0.2", kGM)[1], 1e-12, 1e-6));
  CHECK(length(minus(matrix_run("component-clipping(sgd:lr=0.5):max_clip_value=0.1", kGM)[0], kM0)) <=
        0.05 + 1e-7);
}

TEST_CASE("coordinate-clipping: thresholds by hand, signs kept, nearly all clipped, scale of the gradient") {
  const auto direction = [](const std::string& options, const Values& u) {
    return minus(Values(u.size(), 0), run("coordinate-clipping(sgd:lr=1):" + options, {u},
                                          Values(u.size(), 0), {static_cast<int64>(u.size())})[0]);
  };
  const Values u{10, 1, -0.5, 0.2};
  CHECK(near(direction("p=0.25", u), {1, 1, -0.5, 0.2}));
  CHECK(near(direction("p=0.5", u), {0.5, 0.5, -0.5, 0.2}));
  CHECK(near(direction("p=0.99", u), {0.2, 0.2, -0.2, 0.2}));
  CHECK(near(direction("p=0.5", {100, 1}), {1, 1}));
  CHECK(near(direction("p=0.25", {-20, 2, 1, 0.4}), {-2, 2, 1, 0.4}));
  // The sharpness along the direction, H = diag(100,1): 99.990101 for the gradient, 50.5 once clipped.
  const auto along = [](const Values& d) {
    return (100 * d[0] * d[0] + d[1] * d[1]) / (d[0] * d[0] + d[1] * d[1]);
  };
  CHECK(near(along({100, 1}), 99.990101, 1e-6, 1e-6));
  CHECK(near(along(direction("p=0.5", {100, 1})), 50.5));
  CHECK(near(direction("mode=value,tau=0.3", u), {0.3, 0.3, -0.3, 0.2}));
}

TEST_CASE("sgd-sai: the ratio of norm to deviation, fixed at the first step, invariant to scale") {
  const std::string spec = "sgd-sai:lr=0.1,weight_decay=0,momentum=0,eps=1e-30";
  const auto gsnr = [&](const Values& g) {
    const Values w = run_matrix(spec, {g}, Values(g.size(), 0), {1, static_cast<int64>(g.size())})[0];
    return length(w) / (0.1 * length(g));
  };
  CHECK(near(gsnr({1, -1, 1, -1}), 1.732051, 1e-6, 2e-6));
  CHECK(near(gsnr({3, 1, 1, -1}), 2.121320, 1e-6, 2e-6));
  CHECK(near(gsnr({30, 10, 10, -10}), 2.121320, 1e-6, 2e-6));
  CHECK(
      near(run_matrix("sgd-sai:lr=0.1,weight_decay=0,momentum=0", {{1, -1, 1, -1}}, Values(4, 0), {2, 2})[0],
           {-0.173205, 0.173205, -0.173205, 0.173205}, 1e-6, 2e-6));
  // Afterwards: momentum SGD (averaging form) with lr*gsnr, whatever later gradients look like.
  const std::vector<Values> gs{{1, -1, 1, -1}, {5, 1, 2, 3}, {-1, 0, 2, 0}};
  const auto w = run_matrix("sgd-sai:lr=0.1,weight_decay=0,eps=1e-30", gs, Values(4, 0), {2, 2});
  Values v(4, 0), at(4, 0);
  for (size_t t = 0; t < 3; ++t) {
    for (size_t i = 0; i < 4; ++i) v[i] = t == 0 ? gs[t][i] : 0.9 * v[i] + 0.1 * gs[t][i];
    if (t > 0)
      for (size_t i = 0; i < 4; ++i) at[i] -= 0.1 * std::sqrt(3.0) * v[i];
  }
  CHECK(near(minus(w[2], w[0]), at, 1e-9, 1e-6));
}

TEST_CASE("subset-norm: unit subsets at the first step, Adam for subsets of one, subset sizes, subspaces") {
  const auto w = run_matrix("subset-norm:lr=1,eps=1e-30", {{1, 2, 3, 4}}, Values(4, 0), {2, 2});
  CHECK(near(w[0], {-0.447214, -0.894427, -0.6, -0.8}, 1e-6, 2e-6));
  const auto gs = noise(6, 12);
  const Values start = noise(1, 12, 9)[0];
  CHECK(near(run_matrix("subset-norm:lr=0.1,subset_size=1,eps=1e-30", gs, start, {3, 4})[5],
             run_matrix("adam:lr=0.1,eps=1e-30", gs, start, {3, 4})[5], 1e-4, 1e-4));
  // A subspace of full rank: the momentum of Adam between rebuilds.
  CHECK(near(run_matrix("subset-norm:lr=0.1,momentum_type=sm,rank=3", gs, start, {3, 4})[5],
             run_matrix("subset-norm:lr=0.1", gs, start, {3, 4})[5], 1e-9, 1e-4));
  CHECK(near(run_matrix("subset-norm:lr=0.1,momentum_type=sm,rank=2,beta1=0", gs, start, {3, 4})[5],
             run_matrix("subset-norm:lr=0.1,beta1=0", gs, start, {3, 4})[5], 1e-9, 1e-4));
}

TEST_CASE("sgg: nothing before the first clustering, none for beta3 = 1, one cluster of one layer") {
  const auto gs = noise(8, 40);
  const Values start = noise(1, 40, 9)[0];
  const auto adam = run_matrix("adam:lr=0.1", gs, start, {8, 5});
  const auto scaled_run = run_matrix("sgg(adam:lr=0.1):recluster_interval=4", gs, start, {8, 5});
  for (size_t t = 0; t < 3; ++t) CHECK(near(scaled_run[t], adam[t], 1e-12, 1e-6));
  CHECK(distance(scaled_run[7], adam[7]) > 1e-6);
  CHECK(near(run_matrix("sgg(adam:lr=0.1):n_clusters=1,recluster_interval=2", gs, start, {8, 5})[7], adam[7],
             1e-6, 1e-5));
  // Ten entries each of size 0.1, 1 and 10: clusters by hand, scales of both modes from the first step.
  Values g;
  for (const double size : {0.1, 1.0, 10.0}) g.insert(g.end(), 10, size);
  const auto scales = [&](const std::string& options) {
    const Values plain = run_matrix("adam:lr=1,beta1=0", {g}, Values(30, 0), {5, 6})[0];
    const Values w = run_matrix("sgg(adam:lr=1,beta1=0):recluster_interval=1,beta3=0," + options, {g},
                                Values(30, 0), {5, 6})[0];
    return Values{w[0] / plain[0], w[10] / plain[10], w[20] / plain[20]};
  };
  CHECK(near(scales("scale_mode=mda"), {1, 1.333333, 0.571429}, 1e-6, 1e-5));
  CHECK(near(scales("scale_mode=mean,beta_c=0"), {10, 3.7, 0.37}, 1e-6, 1e-5));
}
