// First steps by hand, naive loops and identities of the rules for matrices, gradient transforms and wrappers that complete
// the collection.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/erfi.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

constexpr double kRate = 0.01, kFloor = 0.01;
// Adam's first step with eps beside the uncorrected root: sqrt(0.001)/0.1 * 0.1*x/(sqrt(0.001)*|x| + eps).
double first_adam(double x) {
  const double root = std::sqrt(0.001);
  return root * x / (root * std::abs(x) + kFloor);
}
// a b' row by row.
Values outer(const Values& a, const Values& b) {
  Values out;
  for (double x : a)
    for (double y : b) out.push_back(x * y);
  return out;
}
Values scaled_by(Values v, double c) {
  for (double& x : v) x *= c;
  return v;
}
Values plus(Values a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}
Values root_mean_square_one(const Values& x) {
  return scaled_by(x, std::sqrt(static_cast<double>(x.size())) / length(x));
}
// The moves of one step from kM0 of shape (2,3), or from kW0.
Values first_matrix_move(const std::string& spec, const Values& g, const Shape& shape = {2, 3}) {
  return minus(run_matrix(spec, {g}, kM0, shape)[0], kM0);
}
Values first_vector_move(const std::string& spec, const Values& g) { return minus(run(spec, {g})[0], kW0); }
// What evaluation sees.
Values averaged(Probe& probe) {
  probe.optimizer->use_evaluation_weights(true);
  const Values w = values_of(probe.p->value);
  probe.optimizer->use_evaluation_weights(false);
  return w;
}

}  // namespace

TEST_CASE("galore: gradients of rank one are Adam's in one dimension, whatever signs they take") {
  const Values a{0.6, -0.8}, b{1, -2, 0.5};
  const double coefficients[] = {1, -0.5, -2, 0.25, 3};
  for (const bool tall : {false, true}) {
    const std::string options = "rank=1,update_gap=1,scale=0.5,eps=0.01,lr=0.01";
    Probe matrix("galore:" + options, tall ? Shape{3, 2} : Shape{2, 3}, Values(6, 0));
    Probe vector("galore:" + options, Values(3, 0));
    for (const double c : coefficients) {
      const Values g = tall ? outer(scaled_by(b, c), a) : outer(a, scaled_by(b, c));
      const Values w = matrix.step(g);
      // The entry of largest size of P is positive: P = -a.
      const Values x = vector.step(scaled_by(b, -c));
      CHECK(near(w, scaled_by(tall ? outer(x, a) : outer(a, x), -0.5), 1e-10, 1e-6));
    }
  }
  const Values move = first_matrix_move("galore:rank=1,scale=0.5,eps=0.01,lr=0.01", outer({0.6, 0.8}, b));
  Values u;
  for (double x : b) u.push_back(-kRate * 0.5 * first_adam(x));
  CHECK(near(move, outer({0.6, 0.8}, u), 1e-12, 2e-7));
  // Decay comes after the step, of vectors too.
  const Values plain = first_vector_move("galore:eps=0.01,lr=0.01", b),
               shrunk = first_vector_move("galore:eps=0.01,lr=0.01,weight_decay=0.1", b);
  CHECK(near(plain, scaled_by(u, 2), 1e-12, 2e-7));
  CHECK(near(shrunk, minus(scaled_by(plus(kW0, plain), 0.999), kW0), 1e-12, 2e-7));
  const Values decayed =
      first_matrix_move("galore:rank=1,scale=0.5,eps=0.01,lr=0.01,weight_decay=0.1", outer({0.6, 0.8}, b));
  CHECK(near(decayed, minus(scaled_by(plus(kM0, move), 0.999), kM0), 1e-12, 2e-7));
}

TEST_CASE("galore: the projection stays between refreshes, and moments stay through them") {
  const std::string spec = "galore:rank=1,update_gap=2,scale=1,eps=0.01,lr=0.01";
  // The second gradient is orthogonal to the first basis and invisible; in the third step the basis turns to it.
  Probe probe(spec, {2, 2}, {0, 0, 0, 0});
  const Values first = probe.step({1, 0, 0, 0});
  CHECK(near(first, {-kRate * first_adam(1), 0, 0, 0}, 1e-12, 2e-7));
  const Values second = probe.step({0, 0, 0, 2});
  const double c = 0.01 * std::sqrt(1 - 0.999 * 0.999) / (1 - 0.81);
  const double u = 0.09 / (std::sqrt(0.001 * 0.999) + 0.01);
  CHECK(near(second, plus(first, {-c * u, 0, 0, 0}), 1e-12, 2e-7));
  const Values third = probe.step({0, 0, 0, 2});
  CHECK(near({third[0], third[2]}, {second[0], second[2]}, 1e-12, 2e-7));
  const double m0 = 0.081, m1 = 0.2, v0 = 0.001 * 0.999 * 0.999, v1 = 0.004;
  const double step = 0.01 * std::sqrt(1 - std::pow(0.999, 3)) / (1 - std::pow(0.9, 3));
  CHECK(near(third[1], -step * m0 / (std::sqrt(v0) + 0.01), 1e-12, 2e-7));
  CHECK(near(third[3], -step * m1 / (std::sqrt(v1) + 0.01), 1e-12, 2e-7));
}

TEST_CASE(
    "fira: full rank is galore; what the projection leaves out is scaled by channel and limited in growth") {
  check_same(run_matrix("fira:rank=2,alpha=1,eps=0.01,lr=0.01"),
             run_matrix("galore:rank=2,scale=1,eps=0.01,lr=0.01"), 1e-12, 1e-6);
  // Square, of rank two: V = (e1, e2), R = (3, 0)', so that rows are scaled; alpha*back(R) is half of what is inside.
  const std::string spec = "fira:rank=1,alpha=0.5,eps=0.01,lr=0.01";
  const double u = first_adam(3), f = u / (3 + 1e-8);
  const Shape square{2, 2};
  Probe probe(spec, square, {0, 0, 0, 0});
  const Values first = probe.step({3, 0, 0, 1});
  CHECK(near(first, {-kRate * (0.5 * u + f * 1.5), 0, 0, 0}, 1e-12, 2e-7));
  // Ten times the gradient: E may grow by 1.01.
  const Values second = probe.step({30, 0, 0, 10});
  const double m = 0.09 * 3 + 3, v = 0.001 * (0.999 * 9 + 900), direction = m / (std::sqrt(v) + 0.01);
  const double u1 = 0.1 * 3 / (std::sqrt(0.001 * 9) + 0.01), e1 = u1 / 3 * 1.5;
  const double c = 0.01 * std::sqrt(1 - 0.999 * 0.999) / (1 - 0.81);
  const double e2 = std::min(direction / 30 * 15, 1.01 * (e1 + 1e-8));
  CHECK(e2 < direction / 30 * 15);
  CHECK(near(second[0] - first[0], -c * (0.5 * direction + e2), 1e-9, 1e-6));
}

TEST_CASE("apollo: a naive loop, wide and tall, by tensor and by channel, with its limiter") {
  for (const std::string type : {"tensor", "channel"})
    for (const bool tall : {false, true})
      for (const std::string name : {"apollo", "apollo-mini"}) {
        CAPTURE(type);
        CAPTURE(tall);
        const bool mini = name == "apollo-mini";
        const size_t k = 2, n = 3, rank = mini ? 1 : 2;
        const double scale = mini ? 128 : 2, b1 = 0.9, b2 = 0.999, eps = 1e-3, lr = 0.01, wd = 0.1;
        const std::string spec = name + ":scale_type=" + type + ",seed=3,update_gap=2,eps=1e-3,lr=0.01," +
                                 "weight_decay=0.1" + (mini ? "" : ",rank=2,scale=2");
        // Everything as (k, n), the gradient transposed where tall.
        const auto turned = [&](const Values& x) {
          if (!tall) return x;
          Values out(6);
          for (size_t i = 0; i < k; ++i)
            for (size_t j = 0; j < n; ++j) out[j * k + i] = x[i * n + j];
          return out;
        };
        Values w = kM0, p(k * rank), m(rank * n), v(rank * n);
        double before = 0;
        Probe probe(spec, tall ? Shape{3, 2} : Shape{2, 3}, turned(kM0));
        for (int t = 1; t <= 4; ++t) {
          const Values g = scaled_by(kGM[static_cast<size_t>(t % 2)], t == 3 ? 5 : 1);
          if (t % 2 == 1) {
            const auto draw = static_cast<std::uint64_t>(t / 2 + 1);
            const Values z = values_of(Rng(3, draw).fork("w").normal_tensor({2, 3}));
            for (size_t i = 0; i < k; ++i)
              for (size_t r = 0; r < rank; ++r) p[i * rank + r] = z[i * 3 + r] / std::sqrt(double(rank));
          }
          Values low(rank * n), u(rank * n);
          for (size_t r = 0; r < rank; ++r)
            for (size_t j = 0; j < n; ++j) {
              double& x = low[r * n + j];
              for (size_t i = 0; i < k; ++i) x += p[i * rank + r] * g[i * n + j];
              m[r * n + j] = b1 * m[r * n + j] + (1 - b1) * x;
              v[r * n + j] = b2 * v[r * n + j] + (1 - b2) * x * x;
              u[r * n + j] = m[r * n + j] / (std::sqrt(v[r * n + j]) + eps);
            }
          Values e(6);
          for (size_t j = 0; j < n; ++j) {
            Values uj, lowj;
            for (size_t r = 0; r < rank; ++r) uj.push_back(u[r * n + j]), lowj.push_back(low[r * n + j]);
            const double f =
                type == "tensor" ? length(u) / (length(low) + 1e-8) : length(uj) / (length(lowj) + 1e-8);
            for (size_t i = 0; i < k; ++i) e[i * n + j] = std::sqrt(scale) * f * g[i * n + j];
          }
          if (t > 1) e = scaled_by(e, 1.01 / std::max(length(e) / (before + 1e-8), 1.01));
          before = length(e);
          const double step = lr * std::sqrt(1 - std::pow(b2, t)) / (1 - std::pow(b1, t));
          for (size_t i = 0; i < 6; ++i) w[i] = (1 - lr * wd) * (w[i] - step * e[i]);
          CHECK(near(probe.step(turned(g)), turned(w), 1e-12, 2e-6));
        }
      }
}

TEST_CASE("apollo, fira: a first gradient of zero does not throttle what comes") {
  for (const std::string spec : {"apollo:lr=0.01,rank=1", "fira:lr=0.01,rank=1,alpha=0.5"}) {
    CAPTURE(spec);
    Probe probe(spec, {2, 3}, kM0);
    probe.step(Values(6, 0));
    const Values w = probe.step({1, 2, 3, -3, 1, 2});
    CHECK(length(minus(w, kM0)) > 1e-3);
  }
}

TEST_CASE("braking, sgg: the momentum of a projection is none of the parameter") {
  check_same(run_matrix("braking(galore:rank=1,lr=0.01)"), run_matrix("galore:rank=1,lr=0.01"), 0, 0);
  Probe probe("sgg(galore:rank=1):recluster_interval=1,n_clusters=1", {4, 4}, Values(16, 1));
  CHECK_THROWS_AS(probe.step(gaussian_steps(1, 16)[0]), UsageError);
}

TEST_CASE("conda: the second moment goes along singular vectors of the first") {
  // m = 0.1*a b': one singular vector a; down(m) = 0.1*b, v = 0.001*b^2.
  const Values b{1, -2, 0.5};
  Values u;
  for (double x : b) u.push_back(-kRate * 0.5 * first_adam(x));
  CHECK(near(first_matrix_move("conda:scale=0.5,eps=0.01,lr=0.01", outer({0.6, -0.8}, b)),
             outer({0.6, -0.8}, u), 1e-12, 2e-7));
  Values tall;
  for (double x : b)
    for (double y : {0.6, -0.8}) tall.push_back(-kRate * 0.5 * first_adam(x) * y);
  CHECK(near(first_matrix_move("conda:scale=0.5,eps=0.01,lr=0.01", outer(b, {0.6, -0.8}), {3, 2}), tall,
             1e-12, 2e-7));
  // A basis from the momentum: with momentum (1, 0)', a second gradient along e2 alone turns it only where it is renewed.
  const std::string spec = "conda:eps=0.01,lr=0.01,beta1=0.5,update_gap=";
  const std::vector<Values> gs{{1, 0, 0, 0}, {1, 1, 1, 1}};
  CHECK(distance(run_matrix(spec + "1", gs, {0, 0, 0, 0}, {2, 2})[1],
                 run_matrix(spec + "2", gs, {0, 0, 0, 0}, {2, 2})[1]) > 1e-3);
}

TEST_CASE("scion: steps of one size in each norm") {
  const Values v{3, -4, 0};
  const double lr = 0.1;
  const std::string unconstrained = "scion:lr=0.1,scale=2,unconstrained=true";
  CHECK(near(first_vector_move(unconstrained, v), scaled_by(root_mean_square_one(v), -lr * 2), 1e-6, 1e-6));
  CHECK(near(first_vector_move("scion:lr=0.1,scale=2", v),
             plus(scaled_by(root_mean_square_one(v), -lr * 2), scaled_by(kW0, -lr)), 1e-6, 1e-6));
  const Values g{1, 2, -2, 0, -3, 4};
  const auto move = [&](const std::string& norm) {
    return first_matrix_move(unconstrained + ",norm=" + norm, g);
  };
  const double third = -lr * 2 / 3, row = -lr * 2 / std::sqrt(3.0), column = -lr * 2 * std::sqrt(2.0);
  CHECK(near(move("sign"), scaled_by({1, 1, -1, 0, -1, 1}, third), 1e-12, 1e-7));
  CHECK(near(move("row"), scaled_by({1 / 3.0, 2 / 3.0, -2 / 3.0, 0, -0.6, 0.8}, row), 1e-6, 1e-6));
  const double c1 = std::sqrt(13.0), c2 = std::sqrt(20.0);
  CHECK(near(move("column"), scaled_by({1, 2 / c1, -2 / c2, 0, -3 / c1, 4 / c2}, column), 1e-6, 1e-6));
  CHECK(near(move("bias"), scaled_by(root_mean_square_one(g), -lr * 2), 1e-6, 1e-6));
  // Orthogonal rows: every singular value goes through the same polynomial.
  double x = 1 / std::sqrt(2.0);
  for (int i = 0; i < 5; ++i) x = 3.4445 * x - 4.775 * std::pow(x, 3) + 2.0315 * std::pow(x, 5);
  const Values rows{0.6, 0.8, 0, -0.8, 0.6, 0};
  CHECK(near(first_matrix_move(unconstrained, rows), scaled_by(rows, -lr * 2 * std::sqrt(2.0 / 3) * x), 1e-5,
             1e-5));
  // A kernel (2, 1, 1, 3): sqrt(2/1)/3.
  CHECK(near(first_matrix_move(unconstrained, rows, {2, 1, 1, 3}),
             scaled_by(rows, -lr * 2 * std::sqrt(2.0) / 3 * x), 1e-5, 1e-5));
  // The mean of gradients, not the last.
  const auto w = run("scion:lr=0.1,momentum=0.75,norm=sign,unconstrained=true", {{4, 1, 0}, {-1, -4, 0}});
  CHECK(near(moves(w, 1), {-0.1, 0.1, 0}, 1e-12, 1e-6));
}

TEST_CASE("spam: spikes are clipped against the second moment so far, after a wait; resets begin anew") {
  const std::string spec = "spam:lr=0.01,eps=0.01,threshold=4,reset_every=4,warmup_steps=2,wait_steps=2";
  Probe probe(spec, {0});
  double m = 0, v = 0, w = 0;
  const double gs[] = {1, 30, 2, 1, 2, -30, 1, 5};
  for (int t = 1; t <= 8; ++t) {
    double g = gs[t - 1];
    const int k = t % 4;
    if (k == 0) m = v = 0;
    if (k >= 2 && g * g > 4 * v) g = (g > 0 ? 1 : -1) * std::sqrt(4 * v);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const double f = t >= 4 && k < 2 ? 1 - 0.99 * (1 + std::cos(std::numbers::pi * k / 3)) / 2 : 1;
    w -= 0.01 * f * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)) * m / (std::sqrt(v) + 0.01);
    CHECK(near(probe.step({gs[t - 1]}), {w}, 1e-12, 1e-6));
  }
  // As published: an element without gradients so far is clipped to zero, until a reset.
  Probe late("spam:threshold=1,wait_steps=2,reset_every=4", {0, 0});
  for (int t = 1; t <= 3; ++t) CHECK(late.step({1, t == 1 ? 0.0 : 1.0})[1] == 0);
  CHECK(late.step({1, 1})[1] < 0);
}

TEST_CASE("stable-spam: a first gradient of length one, then clipped by its running maximum") {
  // k = 1: cap = M, p/(1-gamma1) = q, r/(1-gamma2) = q^2: g/q.
  const Values g{3, -4, 0};
  const Values move = first_vector_move("stable-spam:lr=0.01,eps=0.01", g);
  const double unit = 1 / (5 + 0.01);
  Values expected;
  for (double x : g) expected.push_back(-kRate * x * unit / (std::abs(x * unit) + 0.01));
  CHECK(near(move, expected, 1e-12, 1e-7));
  // Step 2: twenty times larger; theta = 0.5: a = 0.5*2 + 0.5*80 = 41.
  const auto w =
      run("stable-spam:lr=0.01,eps=0.01,theta=0.5,gamma1=0.5,gamma2=0.5,beta1=0,beta2=0", {g, {60, -80, 1}});
  const double cap = 41 / 0.75;
  const Values clipped{cap * 60 / 80, -cap, 1};
  const double q = length(clipped), p = (0.25 * 5 + 0.5 * q) / 0.75, r = (0.25 * 25 + 0.5 * q * q) / 0.75;
  const double factor = p / (std::sqrt(r) + 0.01) / q;
  Values second;
  for (double x : clipped) second.push_back(-kRate * x * factor / (std::abs(x * factor) + 0.01));
  CHECK(near(moves(w, 1), second, 1e-12, 1e-6));
  // A reset in step 2: the step is a first one.
  const auto reset = run("stable-spam:lr=0.01,eps=0.01,reset_every=2", {g, g});
  CHECK(near(moves(reset, 1), moves(reset, 0), 1e-9, 1e-6));
  // beta1 fades to eta_min*beta1: with eta_min = 0 the last step has no memory.
  const auto faded =
      run("stable-spam:lr=0.01,eps=0.01,total_steps=2,eta_min=0,beta2=0", {g, scaled_by(g, -1)});
  CHECK(near(moves(faded, 1), scaled_by(moves(faded, 0), -1), 1e-9, 1e-6));
}

TEST_CASE("transforms: centred, orthogonal, normalised, clipped by root mean square") {
  CHECK(near(first_matrix_move("gradient-centralization(sgd:lr=1)", {1, 2, 6, -1, 0, 1}),
             {2, 1, -3, 1, 0, -1}, 1e-12, 1e-6));
  CHECK(near(first_vector_move("gradient-centralization(sgd:lr=1)", {1, 2, 6}), {-1, -2, -6}, 1e-12, 1e-6));
  CHECK(near(run("orthograd(sgd:lr=1)", {{3, 4}}, {2, 0}, {2})[0], {2, -5}, 1e-12, 1e-6));
  CHECK(
      near(run("orthograd(sgd:lr=1)", {{3}}, {2}, {1})[0], {2}, 0, 0));  // along the weights: nothing is left
  const Values along = gaussian_steps(1, 8)[0];
  Values third = along;  // a third of the weights, and rounding
  for (double& x : third) x /= 3;
  CHECK(near(run("orthograd(sgd:lr=1)", {third}, along, {8})[0], along, 1e-15, 1e-7));
  CHECK(near(run("orthograd(sgd:lr=1)", {{3, 4}}, {0, 0}, {2})[0], {-3, -4}, 1e-12, 1e-6));
  CHECK(near(run("normalized-gradient(sgd:lr=1):eps=1", {{3, 4}}, {0, 0}, {2})[0], {-0.5, -4 / 6.0}, 1e-12,
             1e-6));
  CHECK(near(run("clip-block-rms(sgd:lr=1):threshold=0.5", {{3, 4}}, {0, 0}, {2})[0],
             scaled_by({3, 4}, -0.5 / std::sqrt(12.5)), 1e-12, 1e-6));
  CHECK(near(run("clip-block-rms(sgd:lr=1):threshold=4", {{3, 4}}, {0, 0}, {2})[0], {-3, -4}, 1e-12, 1e-6));
  // All tensors together.
  const auto a = make_parameter("a", ParamKind::kBias, tensor({1}, {0})),
             b = make_parameter("b", ParamKind::kBias, tensor({1}, {0}));
  const auto together = make_optimizer("normalized-gradient(sgd:lr=1):scope=global", {a, b});
  a->grad = tensor({1}, {3}), b->grad = tensor({1}, {4});
  together->step(1.0, 0.0);
  CHECK(near(values_of(a->value), {-0.6}, 1e-6, 1e-6));
  CHECK(near(values_of(b->value), {-0.8}, 1e-6, 1e-6));
}

TEST_CASE(
    "grokfast: the first mean is the first gradient; a window of two; other weights of a batch leave "
    "memories alone") {
  const auto w = run("grokfast(sgd:lr=1):alpha=0.75,lamb=2", {{1}, {2}}, {0}, {1});
  CHECK(near(w[0], {-3}, 1e-12, 1e-6));
  CHECK(near(w[1], {-3 - (2 + 2 * 1.25)}, 1e-12, 1e-6));
  const std::vector<Values> gs{{1}, {2}, {4}, {-3}, {5}};
  const auto check = [&](const std::string& options, const Values& steps) {
    CAPTURE(options);
    const auto path = run("grokfast-ma(sgd:lr=1):window=2,lamb=2" + options, gs, {0}, {1});
    for (size_t i = 0; i < gs.size(); ++i) CHECK(near(moves(path, i, {0}), {-steps[i]}, 1e-12, 2e-6));
  };
  check("", {1, 2 + 3, 4 + 6, -3 + 1, 5 + 2});
  check(",filter=sum", {1, 2 + 6, 4 + 12, -3 + 2, 5 + 4});
  check(",warmup=false", {3, 2 + 3, 4 + 6, -3 + 1, 5 + 2});
  Descent inside("grokfast(sam(sgd:lr=0.1):rho=0.5):alpha=0.5", diagonal_quadratic({2}), {1});
  inside.step();
  CHECK(
      near(values_of(*inside.optimizer->slot(*inside.objective.parameters()[0], "slow")), {2}, 1e-12, 1e-6));
  // sam asks at 1 + 0.5 for 3, and the memory of 2 is added twice: w = 1 - 0.1*(3 + 2*2).
  CHECK(near(inside.objective.values(), {1 - 0.1 * 7}, 1e-10, 1e-6));
}

TEST_CASE("gradient-noise: deviation sqrt(eta/(1+t)^gamma) times draws of the seed, the name and the step") {
  Probe probe("gradient-noise(sgd:lr=1):eta=0.5,gamma=2,seed=7", {2}, {0, 0});
  Values w{0, 0};
  for (int t = 1; t <= 3; ++t) {
    const Values z = values_of(Rng(7, static_cast<std::uint64_t>(t)).fork("w").normal_tensor({2}));
    w = minus(w, plus({1, -2}, scaled_by(z, std::sqrt(0.5) / (1 + t))));
    CHECK(near(probe.step({1, -2}), w, 1e-12, 1e-6));
  }
}

TEST_CASE("trac: the first factors by hand") {
  const double unit = erfi(1 / std::numbers::sqrt2);
  Probe probe("trac(sgd:lr=0.5):betas=0.9-0.5,s_prev=0.05", {1});
  // h = 0: q = beta*1e-8, v = 0.
  const double s1 = 0.05 * (erfi(0.9) + erfi(0.5)) / unit, w1 = 1 - s1 * 0.5 * 2;
  CHECK(near(probe.step({2}), {w1}, 1e-9, 1e-6));
  CHECK(near(probe.optimizer->scalar("s").value(), s1, 1e-9, 1e-6));
  // D = -lr*g1 = -1, h = -g2 = 3: the way was uphill for g2 = -3: q < 0, the factor is 0, back at the start.
  CHECK(near(probe.step({-3}), {1}, 1e-9, 1e-6));
  CHECK(probe.optimizer->scalar("s").value() < 0);
  // Downhill: h = -2.
  Probe down("trac(sgd:lr=0.5):betas=0.9-0.5,s_prev=0.05", {1});
  down.step({2});
  const double h = -2 / (1 + 1e-8 / s1);
  double s2 = 0;
  for (const double b : {0.9, 0.5})
    s2 += 0.05 * erfi((b * b * 1e-8 - h) / (std::sqrt(2 * h * h) + 1e-8)) / unit;
  CHECK(near(down.step({2}), {1 + s2 * (-1 - 1)}, 1e-6, 1e-5));
  CHECK(down.optimizer->leaves_path());
}

TEST_CASE("mechanic: two steps by a naive loop over two tensors") {
  const int betas = 3;
  const double init = 0.05, decay = 0.5, eps = 1e-8;
  const auto a = make_parameter("a", ParamKind::kBias, tensor({1}, {1})),
             b = make_parameter("b", ParamKind::kBias, tensor({1}, {-2}));
  const auto optimizer =
      make_optimizer("mechanic(sgd:lr=0.5):num_betas=3,s_init=0.05,weight_decay=0.5", {a, b});
  const Values start{1, -2};
  Values w = start, r(3), m(3), v(3), s(3, init);
  for (const Values& g : std::vector<Values>{{2, 1}, {1, -3}, {-4, 2}, {2, 2}}) {
    double sum = 0, h = 0;
    for (double x : s) sum += x;
    Values d;
    for (size_t i = 0; i < 2; ++i) d.push_back((start[i] - w[i]) / (sum + eps));
    const double c = decay * sum * length(g) / (length(w) + eps);
    for (size_t i = 0; i < 2; ++i) h += (g[i] + c * w[i]) * d[i];
    double next = 0;
    for (size_t i = 0; i < static_cast<size_t>(betas); ++i) {
      const double beta = 1 - std::pow(0.1, static_cast<double>(i + 1)), clipped = std::clamp(h, -m[i], m[i]);
      m[i] = std::max(beta * m[i], std::abs(h) + eps);
      v[i] = beta * beta * v[i] + h * h;
      r[i] = beta * r[i] + clipped * s[i];
      s[i] = (init / betas * m[i] + std::max(0.0, r[i])) / (std::sqrt(v[i]) + eps);
      next += s[i];
    }
    for (size_t i = 0; i < 2; ++i) w[i] = start[i] - next * (d[i] + 0.5 * g[i]);
    a->grad = tensor({1}, {g[0]}), b->grad = tensor({1}, {g[1]});
    optimizer->step(1.0, 0.0);
    CHECK(near({values_of(a->value)[0], values_of(b->value)[0]}, w, 1e-8, 1e-4));
    CHECK(std::abs(optimizer->scalar("s").value() / next - 1) < tolerance(1e-8, 1e-3));
  }
  CHECK(optimizer->leaves_path());
}

TEST_CASE("mechanic, trac: a way below the rounding of the weights is not forgotten") {
  Probe probe("trac(sgd:lr=0.125):s_prev=1e-20,betas=0.5", {1});  // 1 - 1e-20 is 1 in either precision
  double way = 0, scale = 0;
  for (int i = 0; i < 3; ++i) {
    CHECK(probe.step({1}) == Values{1});
    const double next = probe.optimizer->scalar("s").value();
    way = next * (way / (scale + 1e-8) - 0.125);
    scale = next;
    CHECK(std::abs(values_of(*probe.optimizer->slot(*probe.p, "lost"))[0] / way - 1) < 1e-5);
  }
  Probe mechanic("mechanic(sgd:lr=0.125):s_init=1e-20", {1});
  for (int i = 0; i < 3; ++i) mechanic.step({1});
  CHECK(values_of(mechanic.p->value) == Values{1});
  CHECK(values_of(*mechanic.optimizer->slot(*mechanic.p, "lost"))[0] < -1e-22);
}

TEST_CASE("mechanic, trac: gradients held back move the weights at the present scale in the end") {
  for (const std::string name : {"mechanic", "trac"}) {
    CAPTURE(name);
    Probe probe(name + "(accumulate(sgd:lr=1):steps=2):eps=1e-8", {4});
    probe.step({1});
    CHECK(near(values_of(probe.p->value), {4}, 1e-9, 1e-6));
    const double s = probe.optimizer->scalar("s").value();
    probe.optimizer->finish();
    CHECK(near(values_of(probe.p->value), {4 - std::max(s, 0.0)}, 1e-12, 1e-6));
  }
}

TEST_CASE("schedule-free: around sgd it is schedule-free-sgd, at a rate that grows too") {
  const std::string options = "momentum=0.8,r=0.5,weight_lr_power=1.5";
  Probe wrapped("schedule-free(sgd:lr=0.1):weight_decay_at_y=0.2," + options, kW0);
  Probe rule("schedule-free-sgd:lr=0.1,weight_decay=0.2," + options, kW0);
  const double scales[] = {0.25, 1, 0.5, 2};
  for (size_t i = 0; i < 4; ++i) {
    const Values &g = kG[i % 3], w = wrapped.step(g, scales[i]);
    CHECK(near(w, rule.step(g, scales[i]), 1e-12, 1e-6));
    CHECK(near(averaged(wrapped), averaged(rule), 1e-12, 1e-6));
    CHECK(values_of(wrapped.p->value) == w);
  }
  // Step 1: x = z. Step 2 at constant rate: x = (z1 + z2)/2; the decay of the rule inside acts on z.
  Probe decayed("schedule-free(sgd:lr=0.5,weight_decay=0.1):momentum=0.5", {1});
  const double z1 = 1 - 0.5 * (2 + 0.1), z2 = z1 - 0.5 * (1 + 0.1 * z1), x2 = (z1 + z2) / 2;
  CHECK(near(decayed.step({2}), {z1}, 1e-12, 1e-6));
  CHECK(near(decayed.step({1}), {0.5 * x2 + 0.5 * z2}, 1e-12, 1e-6));
  CHECK(near(averaged(decayed), {x2}, 1e-12, 1e-6));
  CHECK_THROWS_AS(Probe("schedule-free(sam(sgd:lr=1))", {1}), UsageError);
}

TEST_CASE("swa, lawa, poly-average: the rule inside goes its way; means by hand") {
  const Values gs{1, 2, 3, 4, 5, 6, 7};  // w = -1, -3, -6, -10, -15, -21, -28
  const auto check = [&](const std::string& spec, const Values& expected) {
    CAPTURE(spec);
    Probe probe(spec, {0});
    double w = 0;
    for (size_t i = 0; i < gs.size(); ++i) {
      w -= gs[i];
      CHECK(near(probe.step({gs[i]}), {w}, 1e-12, 1e-5));
      CHECK(near(averaged(probe), {expected[i]}, 1e-12, 1e-5));
      CHECK(near(values_of(probe.p->value), {w}, 1e-12, 1e-5));
    }
  };
  check("swa(sgd:lr=1)", {-1, -2, -10 / 3.0, -5, -7, -56 / 6.0, -12});
  check("swa(sgd:lr=1):start=3,every=2", {-1, -3, -6, -6, -10.5, -10.5, -49 / 3.0});
  check("lawa(sgd:lr=1):window=2", {-1, -2, -4.5, -8, -12.5, -18, -24.5});
  check("lawa(sgd:lr=1):window=2,every=3", {-1, -3, -6, -6, -6, -13.5, -13.5});
  check("poly-average(sgd:lr=1):gamma=0", {-1, -2, -10 / 3.0, -5, -7, -56 / 6.0, -12});
  // gamma = 1: c = 2/(t+1).
  Values poly{-1};
  double w = -1;
  for (size_t i = 1; i < gs.size(); ++i) {
    const double c = 2 / static_cast<double>(i + 2);
    w -= gs[i];
    poly.push_back((1 - c) * poly.back() + c * w);
  }
  check("poly-average(sgd:lr=1):gamma=1", poly);
}
