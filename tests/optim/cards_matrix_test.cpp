// The exact checks of the papers of rules that take matrices.
#include "core/linalg.h"
#include "core/rng.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

Values gaussian(int64 n, std::uint64_t seed) { return values_of(Rng(seed).normal_tensor({n})); }

// What the first step subtracts from a matrix.
Values first_move(const std::string& spec, const Values& g, const Shape& shape) {
  const Values w(g.size(), 0);
  return minus(w, run_matrix(spec, {g}, w, shape)[0]);
}
// After `steps` equal gradients.
std::vector<Values> moves(const std::string& spec, const Values& g, const Shape& shape, int steps) {
  std::vector<Values> out;
  Values before(g.size(), 0);
  for (const Values& w : run_matrix(spec, constant(g, steps), before, shape)) {
    out.push_back(minus(before, w));
    before = w;
  }
  return out;
}
Values product(const Tensor& a, const Values& x, const Shape& shape, const Tensor& b) {
  return values_of(linalg::matmul(linalg::matmul(a, tensor(shape, x)), b, false, true));
}
Tensor orthogonal(int64 n, std::uint64_t seed) { return linalg::qr(Rng(seed).normal_tensor({n, n})).q; }
Tensor newton_schulz(const Values& g, const Shape& shape, bool classic) {
  const auto steps = classic ? linalg::newton_schulz_classic() : linalg::newton_schulz_per_iteration();
  return linalg::newton_schulz(tensor(shape, g), steps);
}
double converged(double singular_value, bool classic) {
  // One singular value among others: through the polynomial alone.
  double x = singular_value;
  for (const auto& [a, b, c] :
       classic ? linalg::newton_schulz_classic() : linalg::newton_schulz_per_iteration())
    x = a * x + b * x * x * x + c * x * x * x * x * x;
  return x;
}

}  // namespace

TEST_CASE("matrix rules: whitening without memory is the polar factor; SPlus starts with signs") {
  const Values g = gaussian(12, 3);
  const Tensor polar = linalg::polar_factor(tensor({3, 4}, g));
  // Shampoo's scale mean(sqrt(diag L)) apart: U is parallel to U V'.
  const auto u = moves("shampoo:lr=1,beta1=0,beta2=0,update_every=1,eig_floor=1e-12", g, {3, 4}, 2)[1];
  CHECK(near(u[0] / values_of(polar)[0], length(u) / length(values_of(polar)), 1e-6, 1e-2));
  for (size_t i = 0; i < 12; ++i)
    CHECK(near(u[i] / length(u), values_of(polar)[i] / length(values_of(polar)), 1e-6, 1e-3));
  const auto s = first_move("splus:lr=1", {.1, -.2, .3, -.4, .5, -.6}, {2, 3});
  CHECK(near(s, {.4, -.4, .4, -.4, .4, -.4}));
  CHECK(near(first_move("signum:lr=0.1", {.1, -.2, 0, -.4}, {2, 2}), {.1, -.1, 0, -.1}));
}

TEST_CASE(
    "Newton-Schulz: both coefficient sets on the identity, a diagonal and the range of singular values") {
  const Values eye{1, 0, 0, 1};
  CHECK(near(values_of(newton_schulz(eye, {2, 2}, true)), {1.108111, 0, 0, 1.108111}, 1e-6, 5e-6));
  CHECK(near(values_of(newton_schulz(eye, {2, 2}, false)), {1.025612, 0, 0, 1.025612}, 1e-6, 5e-6));
  CHECK(near(values_of(newton_schulz({3, 0, 0, 4}, {2, 2}, false)), {1.018629, 0, 0, 1.005632}, 1e-6, 5e-6));
  CHECK(near(values_of(newton_schulz({3, 0, 0, 4}, {2, 2}, true)), {0.722876, 0, 0, 1.119204}, 1e-6, 5e-6));
  const auto [a, b, c] = linalg::newton_schulz_classic()[0];
  CHECK(near(a + b + c, 0.701, 1e-9, 1e-9));
  CHECK(near(a * 0.5 + b * 0.125 + c * 0.03125, 1.188859, 1e-6, 1e-6));
  for (double x = 0.01; x <= 1; x += 0.01) {
    CHECK(converged(x, true) > 0.680);
    CHECK(converged(x, true) < 1.136);
  }
  for (double x = 0.003; x <= 1; x += 0.01) {
    CHECK(converged(x, false) > 0.976);
    CHECK(converged(x, false) < 1.146);
  }
}

TEST_CASE("muon: turns with the gradient, scales by shape, ignores its size") {
  const Values g = gaussian(12, 3);
  const Tensor p = orthogonal(4, 5), q = orthogonal(3, 6);
  const Values turned = product(p, g, {4, 3}, q);
  CHECK(near(product(p, first_move("muon:lr=1", g, {4, 3}), {4, 3}, q),
             first_move("muon:lr=1", turned, {4, 3}), 1e-9, 1e-4));
  const Values o = values_of(newton_schulz(g, {4, 3}, false));
  Values expected;
  for (double x : o) expected.push_back(x * std::sqrt(4.0 / 3));
  CHECK(near(first_move("muon:lr=1", g, {4, 3}), expected, 1e-9, 1e-5));
  CHECK(near(first_move("muon:lr=1,ns_coefficients=classic", g, {4, 3})[0],
             values_of(newton_schulz(g, {4, 3}, true))[0] * std::sqrt(4.0 / 3), 1e-9, 1e-5));
  CHECK(near(first_move("muon:lr=1", g, {4, 3}), first_move("muon:lr=1", scaled({g}, 64)[0], {4, 3}), 1e-7,
             1e-4));
}

TEST_CASE("adamuon: signs at first; a rank-one second moment is exact") {
  const Values g = gaussian(12, 3), o = values_of(newton_schulz(g, {3, 4}, false));
  Values signs;
  for (double x : o) signs.push_back(x > 0 ? 1 : -1);
  CHECK(near(first_move("adamuon:lr=1,eps=1e-30", g, {3, 4}), signs, 1e-9, 1e-5));
  // Of rank one: O = a b', V = a^2 b^2', all entries of u are +-1 in either form.
  Values rank1;
  for (double a : {1.0, -2.0, 0.5})
    for (double b : {1.0, 3.0, -1.0, 2.0}) rank1.push_back(a * b);
  const auto full = first_move("adamuon:lr=1,eps=1e-30", rank1, {3, 4});
  CHECK(near(first_move("adamuon:lr=1,eps=1e-30,variance=rank1", rank1, {3, 4}), full, 1e-6, 1e-3));
  CHECK(near(first_move("adam:lr=1,eps=1e-30,variance=rank1", rank1, {3, 4}),
             first_move("adam:lr=1,eps=1e-30", rank1, {3, 4}), 1e-9, 1e-5));
}

TEST_CASE(
    "whitening-soap, shampoo: turn with the gradient; the first step moves nothing; identity bases give "
    "Adam's shape") {
  const Values g = gaussian(9, 3), h = gaussian(9, 4);
  const Tensor p = orthogonal(3, 5), q = orthogonal(3, 6);
  for (const std::string spec :
       {"whitening-soap:lr=1,update_every=1", "shampoo:lr=1,update_every=1,eig_floor=1e-12"}) {
    CAPTURE(spec);
    const std::vector<Values> gs{g, h, g};
    std::vector<Values> turned;
    for (const Values& x : gs) turned.push_back(product(p, x, {3, 3}, q));
    const auto w = run_matrix(spec, gs, Values(9, 0), {3, 3}),
               v = run_matrix(spec, turned, Values(9, 0), {3, 3});
    CHECK(length(w[0]) == 0);
    CHECK(length(w[2]) > 0.1);
    // Shampoo's scale, the mean root of L's diagonal, depends on the basis: directions are compared.
    const Values a = product(p, w[1], {3, 3}, q);
    CHECK(near(scaled({a}, 1 / length(a))[0], scaled({v[1]}, 1 / length(v[1]))[0], 1e-6, 5e-2));
    if (spec.starts_with("whitening-soap")) CHECK(near(product(p, w[2], {3, 3}, q), v[2], 1e-6, 5e-2));
  }
  // No side is rotated: M and V start at t = 2 with the correction of t = 2.
  const double m = 0.1 / (1 - 0.81), v = 0.01 / (1 - 0.99 * 0.99);
  CHECK(near(moves("whitening-soap:lr=1,max_dim=1,eps=1e-30", {2, -3, 0.5, 1}, {2, 2}, 2)[1],
             Values{m / std::sqrt(v), -m / std::sqrt(v), m / std::sqrt(v), m / std::sqrt(v)}, 1e-9, 1e-5));
}

TEST_CASE("matrix rules: vectors, embeddings and heads go to Adam; a model of vectors is Adam's alone") {
  const std::string adam = "adam_lr=0.1,adam_weight_decay=0.1,adam_beta1=0.8,adam_beta2=0.95,adam_eps=1e-6";
  const auto expected = run("adamw:lr=0.1,weight_decay=0.1,beta1=0.8,beta2=0.95,eps=1e-6");
  for (const std::string name :
       {"signum", "shampoo", "whitening-soap", "splus", "spa", "muon", "adamuon", "psgd"}) {
    CAPTURE(name);
    CHECK(near(run(name + ":" + adam)[2], expected[2], 1e-9, 1e-6));
    for (const ParamKind kind : {ParamKind::kEmbedding, ParamKind::kHead}) {
      auto p = make_parameter("w", kind, tensor({1, 3}, kW0));
      const auto optimizer = make_optimizer(name + ":" + adam, {p});
      for (const Values& g : kG) {
        p->grad = tensor({1, 3}, g);
        optimizer->step();
      }
      CHECK(near(values_of(p->value), expected[2], 1e-9, 1e-6));
    }
  }
}

TEST_CASE("adago: step sizes by hand, the norm that counts, the floor, singular values, scale invariance") {
  const auto sizes = [](const std::string& options, const std::vector<Values>& gs) {
    std::vector<double> out;
    Values before(4, 0);
    for (const Values& w : run_matrix("adago:momentum=0," + options, gs, before, {2, 2})) {
      out.push_back(length(minus(w, before)));
      before = w;
    }
    return out;
  };
  // The length of the orthogonalised direction, the same for parallel gradients.
  const double unit = length(values_of(newton_schulz({3, 0, 0, 0}, {2, 2}, true)));
  const auto a = sizes("lr=0.05,v0=1e-6", {{3, 0, 0, 0}, {4, 0, 0, 0}});
  CHECK(near(a[0] / unit, 0.0499999972, 1e-9, 1e-6));
  CHECK(near(a[1] / unit, 0.0399999992, 1e-9, 1e-6));
  const auto b = sizes("lr=0.05,v0=1e-30,gamma=10,eps=0.02", constant({100, 0, 0, 0}, 8));
  for (size_t t = 0; t < 8; ++t)
    CHECK(near(b[t] / unit, std::max(0.05 / std::sqrt(t + 1.0), 0.02), 1e-9, 1e-6));
  const Values g = gaussian(4, 3);
  CHECK(near(sizes("lr=0.05,v0=1e-30", {g})[0], sizes("lr=0.05,v0=1e-30", scaled({g}, 0.01))[0], 1e-7, 1e-6));
  // A gradient with equal singular values: the spectral norm and the Frobenius norm differ by sqrt(rank).
  const double both = length(values_of(newton_schulz({3, 0, 0, 3}, {2, 2}, true)));
  CHECK(near(sizes("lr=0.05,v0=1e-30", {{3, 0, 0, 3}})[0], 0.05 * both, 1e-9, 1e-6));
}

TEST_CASE("lanton: multipliers by hand, equal layers, the limits of alpha, directions of the three norms") {
  // H starts at (1-beta2)*noise^2 of the second gradient; scalars of the state can be set.
  const auto multipliers = [](double alpha, double h1, double h2) {
    auto a = make_parameter("a", ParamKind::kBias, tensor({1}, {0})),
         b = make_parameter("b", ParamKind::kBias, tensor({1}, {0}));
    const auto optimizer =
        make_optimizer(fmt::format("lanton:lr=1,weight_decay=0,beta2=0.5,alpha={}", alpha), {a, b});
    // In one dimension the noise is |g - g'|: H = 0.5*noise^2 after the second step.
    const auto step = [&](double x, double y) {
      a->grad = tensor({1}, {x}), b->grad = tensor({1}, {y});
      optimizer->step();
    };
    step(1, 1);
    const double before_a = values_of(a->value)[0], before_b = values_of(b->value)[0];
    step(1 + std::sqrt(2 * h1), 1 + std::sqrt(2 * h2));
    return Values{before_a - values_of(a->value)[0], before_b - values_of(b->value)[0]};
  };
  CHECK(near(multipliers(1, 1, 3), {1, 0.840896}, 1e-6, 1e-5));
  CHECK(near(multipliers(1, 0, 15), {1, 0.5}, 1e-9, 1e-5));
  CHECK(near(multipliers(1, 2, 2), {1, 1}, 1e-12, 1e-6));
  CHECK(near(multipliers(1e6, 1, 15), {1, 1}, 1e-6, 1e-5));
  CHECK(near(multipliers(1e-6, 1, 16), {1, 0.5}, 1e-6, 1e-5));
  // <B, O> is minus the dual norm.
  const auto u = first_move("lanton:lr=1,weight_decay=0,beta1=0,ns_steps=5", {3, 0, 0, 4}, {2, 2});
  const Values o = values_of(newton_schulz({3, 0, 0, 4}, {2, 2}, true));
  CHECK(near(u, o, 1e-9, 1e-5));
  const Values v{0.3, -0.4};
  CHECK(near(minus({0, 0}, run("lanton:lr=1,weight_decay=0,beta1=0", {v}, {0, 0}, {2})[0]),
             {std::sqrt(2.0) * 0.6, -std::sqrt(2.0) * 0.8}, 1e-9, 1e-6));
  auto head = make_parameter("h", ParamKind::kHead, tensor({1, 2}, {0, 0}));
  const auto optimizer = make_optimizer("lanton:lr=1,weight_decay=0", {head});
  head->grad = tensor({1, 2}, v);
  optimizer->step();
  CHECK(near(values_of(head->value), {-1, 1}));
}

TEST_CASE("psgd: without probes' noise the factors stay triangular, steps are bounded") {
  Probe probe("psgd:lr=1", {3, 4}, Values(12, 0));
  Values before(12, 0);
  for (int t = 0; t < 20; ++t) {
    const Values w = probe.step(gaussian(12, static_cast<std::uint64_t>(t)));
    CHECK(length(minus(w, before)) <= 1.1 * std::sqrt(12.0) * (1 + 1e-5));
    before = w;
    for (const char* slot : {"QL", "QR"}) {
      const Tensor& q = *probe.optimizer->slot(*probe.p, slot);
      for (int64 i = 0; i < q.dim(0); ++i)
        for (int64 j = 0; j < i; ++j) CHECK(q.data()[i * q.dim(0) + j] == 0);
    }
  }
}
