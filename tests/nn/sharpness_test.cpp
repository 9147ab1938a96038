// Sharpness: linear models by hand, invariances, projections, checkpoints of the ascent.
#include "nn/sharpness/sharpness.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/sharpness/ellipsoid.h"
#include "nn/sharpness/normalize_logits.h"
#include "tests/precision.h"

using namespace gradus;
using gradus::tests::kDouble;

namespace gradus::sharpness_tests {

// One example x with label -1 or +1 of the linear logit w'x: logits (0, w'x).
BatchFunction one_example(const Tensor& x, int64 label) {
  return classifier_batch(
      [x](std::span<const Tensor> w) {
        return linear(linear(x, w[0]), Tensor::from({2, 1}, {0, 1}));
      },
      IntTensor::from({1}, {label}));
}

TEST_CASE("sharpness: a linear logit has closed forms") {
  const Tensor w = Tensor::from({1, 2}, {1, -2}), x = Tensor::from({1, 2}, {1, 1});
  const BatchFunction batch = one_example(x, 0);  // y = -1, margin 1
  const double plain = .31326169, tight = kDouble ? 1e-7 : 1e-5;
  CHECK(batch({&w, 1}).loss.item() == doctest::Approx(plain).epsilon(tight));
  const auto worst = [&](const char* norm, bool adaptive) {
    return plain + worst_case_sharpness(batch, {&w, 1},
                                        {.rho = .1, .norm = norm, .adaptive = adaptive, .n_iters = 40})
                       .change.loss;
  };
  CHECK(worst("linf", false) == doctest::Approx(.37110067).epsilon(tight));
  CHECK(worst("linf", true) == doctest::Approx(.40318605).epsilon(tight));
  CHECK(worst("l2", false) == doctest::Approx(.35330405).epsilon(tight));
  // On ||delta/c|| <= rho the steps along c*grad and the Euclidean projection settle where c*grad is normal to the surface, at
  // delta along c^3*grad: the margin falls by rho*sum(c^3 g^2)/||c^2 g|| = .9/sqrt(17); the best would be c^2*grad, .1*sqrt(5).
  CHECK(worst("l2", true) ==
        doctest::Approx(std::log1p(std::exp(-(1 - .9 / std::sqrt(17.0))))).epsilon(1e-5));
  CHECK(worst("l2", true) < std::log1p(std::exp(-(1 - .1 * std::sqrt(5.0)))));
}

struct Net {
  Tensors w;
  Tensor x;
  IntTensor labels;
  explicit Net(std::uint64_t seed = 2) {
    Rng rng(seed);
    w = {rng.normal_tensor({5, 3}), rng.normal_tensor({5}), rng.normal_tensor({4, 5}),
         rng.normal_tensor({4})};
    x = rng.normal_tensor({6, 3});
    labels = IntTensor::from({6}, {0, 1, 2, 3, 1, 0});
  }
  BatchFunction batch(bool normalized = false) const {
    return classifier_batch(
        [this](std::span<const Tensor> p) { return linear(linear_relu(x, p[0], p[1]), p[2], p[3]); }, labels,
        normalized);
  }
};

double average(const BatchFunction& batch, const Tensors& w, double rho, bool adaptive) {
  Rng rng(8);
  const Shape all{total_size(w)};
  return average_sharpness(
             batch, w, [&] { return rng.uniform_tensor(all, -1, 1); }, 10, rho, adaptive)
      .loss;
}

TEST_CASE(
    "sharpness: radius 0 gives 0; the worst case is above the mean of the same ball and grows with it") {
  const Net net;
  for (const char* norm : {"l2", "linf"})
    for (const bool adaptive : {false, true}) {
      const auto worst = [&](double rho) {
        return worst_case_sharpness(net.batch(), net.w, {.rho = rho, .norm = norm, .adaptive = adaptive});
      };
      CHECK(worst(0).change.loss == 0);
      CHECK(worst(0).change.error == 0);
      double before = 0;
      for (const double rho : {.01, .05, .2}) {
        const WorstCase found = worst(rho);
        CHECK(found.change.loss > before);
        before = found.change.loss;
        // What was found lies in the ball, and has the loss that is said.
        double square = 0, largest = 0;
        Tensors moved;
        Tensor delta({total_size(net.w)});
        const Tensor flat = flatten_all(net.w);
        for (size_t i = 0; i < found.best_delta.size(); ++i) {
          const double c = adaptive ? std::abs(double(flat.data()[i])) : 1, e = found.best_delta[i] / c;
          square += e * e;
          largest = std::max(largest, std::abs(e));
          delta.mutable_data()[i] = flat.data()[i] + static_cast<real>(found.best_delta[i]);
        }
        CHECK((norm[1] == '2' ? std::sqrt(square) : largest) <= rho * (1 + 1e-9));
        const double there = double(net.batch()(unflatten(delta, net.w)).loss.item()),
                     here = double(net.batch()(net.w).loss.item());
        CHECK(found.change.loss == doctest::Approx(there - here).epsilon(1e-4));
        if (norm[1] != '2') CHECK(found.change.loss >= average(net.batch(), net.w, rho, adaptive));
      }
    }
  CHECK(average(net.batch(), net.w, 0, true) == 0);
  CHECK_THROWS_AS(average(net.batch(), net.w, -1, true), UsageError);
  CHECK_THROWS_AS(average_sharpness(
                      net.batch(), net.w, [] { return Tensor::zeros({3}); }, 1, .1, false),
                  ShapeError);
}

TEST_CASE("sharpness: adaptive forms do not see a factor moved from one layer to the next; plain ones do") {
  const Net net;
  Tensors moved = net.w;
  moved[0] = net.w[0] * real(4), moved[1] = net.w[1] * real(4), moved[2] = net.w[2] * real(0.25);
  CHECK(average(net.batch(), moved, .2, true) ==
        doctest::Approx(average(net.batch(), net.w, .2, true)).epsilon(1e-4));
  CHECK(std::abs(average(net.batch(), moved, .2, false) / average(net.batch(), net.w, .2, false) - 1) > .2);
  const auto worst = [&](const Tensors& w, bool adaptive) {
    return worst_case_sharpness(net.batch(), w, {.rho = .05, .adaptive = adaptive}).change.loss;
  };
  CHECK(worst(moved, true) == doctest::Approx(worst(net.w, true)).epsilon(1e-4));
  CHECK(std::abs(worst(moved, false) / worst(net.w, false) - 1) > .2);
  // Behind normalised logits the last layer's scale does not matter either.
  Tensors scaled = net.w;
  scaled[2] = net.w[2] * real(10), scaled[3] = net.w[3] * real(10);
  CHECK(average(net.batch(true), scaled, .2, true) ==
        doctest::Approx(average(net.batch(true), net.w, .2, true)).epsilon(1e-3));
  CHECK(std::abs(average(net.batch(), scaled, .2, true) / average(net.batch(), net.w, .2, true) - 1) > 1);
}

TEST_CASE("sharpness: average case by hand, with the share of errors") {
  const Tensor w = Tensor::from({1, 2}, {1, -2}), x = Tensor::from({1, 2}, {1, 1});
  const BatchFunction batch = one_example(x, 0);
  // e = (3, 1), rho .5: plain w + (1.5, .5), margin -1; adaptive w + (1.5, 1), margin -1.5.
  const auto draw = [] { return Tensor::from({2}, {3, 1}); };
  const auto loss = [](double margin) { return std::log1p(std::exp(-margin)); };
  const ScoreChange plain = average_sharpness(batch, {&w, 1}, draw, 2, .5, false),
                    adaptive = average_sharpness(batch, {&w, 1}, draw, 1, .5, true);
  CHECK(plain.loss == doctest::Approx(loss(-1) - loss(1)).epsilon(1e-5));
  CHECK(plain.error == 1);
  CHECK(adaptive.loss == doctest::Approx(loss(-1.5) - loss(1)).epsilon(1e-5));
}

TEST_CASE("sharpness: checkpoints of the ascent; the step is halved where it does not help") {
  CHECK(apgd_checkpoints(20) == std::vector<int64>{5, 9, 12, 15, 16, 18, 19});
  CHECK(apgd_checkpoints(6) == std::vector<int64>{2, 3, 4, 5});
  CHECK(apgd_checkpoints(100)[0] == 22);
  CHECK(apgd_checkpoints(1).empty());
  // A flat loss: nothing is ever better, so every checkpoint halves.
  const Tensor w = Tensor::from({1}, {1});
  const BatchFunction flat = [](std::span<const Tensor> p) { return BatchScore{sum(p[0] * real(0)), 0}; };
  const WorstCase found = worst_case_sharpness(flat, {&w, 1}, {.rho = .5, .n_iters = 6});
  CHECK(found.step_sizes == std::vector<double>{1, 1, .5, .25, .125, .0625});
  CHECK(found.change.loss == 0);
  CHECK(found.best_delta == std::vector<double>{0});
}

TEST_CASE("sharpness: normalised logits have mean 0 and norm 1 at any scale; constant rows give zeros") {
  const Tensor o = Tensor::from({3, 3}, {1, 2, 4, real(0.3), real(0.3), real(0.3), -1, 0, 1});
  const Tensor n = normalize_logits(o), scaled = normalize_logits(o * real(7));
  for (int64 i : {int64{0}, int64{2}}) {
    double sum = 0, square = 0;
    for (int64 j = 0; j < 3; ++j) {
      sum += double(n.at({i, j}));
      square += double(n.at({i, j})) * double(n.at({i, j}));
      CHECK(scaled.at({i, j}) == doctest::Approx(n.at({i, j})).epsilon(1e-5));
    }
    CHECK(std::abs(sum) < 1e-6);
    CHECK(square == doctest::Approx(1).epsilon(1e-6));
  }
  for (int64 j = 0; j < 3; ++j) CHECK(n.at({1, j}) == 0);
  CHECK(n.at({2, 2}) == doctest::Approx(1 / std::sqrt(2.0)).epsilon(1e-6));
}

TEST_CASE("sharpness: projection on an ellipsoid") {
  using Numbers = std::vector<double>;
  CHECK(project_on_ellipsoid(Numbers{.1, .2}, Numbers{1, 1}, 1) == Numbers{.1, .2});
  const Numbers ball = project_on_ellipsoid(Numbers{3, 4}, Numbers{1, 1}, 2);
  CHECK(ball[0] == doctest::Approx(1.2).epsilon(1e-12));
  CHECK(ball[1] == doctest::Approx(1.6).epsilon(1e-12));
  CHECK(project_on_ellipsoid(Numbers{3, 4}, Numbers{0, 1}, 2) ==
        Numbers{0, project_on_ellipsoid(Numbers{4}, Numbers{1}, 2)[0]});
  CHECK(project_on_ellipsoid(Numbers{3, .5}, Numbers{0, 1}, 2) == Numbers{0, .5});
  CHECK(project_on_ellipsoid(Numbers{3, 4}, Numbers{1, 2}, 0) == Numbers{0, 0});
  CHECK(project_on_ellipsoid(Numbers{}, Numbers{}, 1).empty());
  Rng rng(1);
  for (int trial = 0; trial < 20; ++trial) {
    Numbers z, scale;
    for (int i = 0; i < 6; ++i) z.push_back(rng.normal()), scale.push_back(std::exp(4 * rng.normal()));
    const double rho = std::exp(2 * rng.normal());
    const Numbers p = project_on_ellipsoid(z, scale, rho);
    double square = 0, before = 0;
    for (size_t i = 0; i < 6; ++i)
      square += p[i] * p[i] / (scale[i] * scale[i]), before += z[i] * z[i] / (scale[i] * scale[i]);
    if (std::sqrt(before) <= rho) continue;
    CHECK(std::sqrt(square) == doctest::Approx(rho).epsilon(1e-12));
    // z - p is along the surface's normal p/scale^2: one multiplier for all coordinates.
    const double lam = (z[0] - p[0]) * scale[0] * scale[0] / p[0];
    for (size_t i = 1; i < 6; ++i)
      CHECK((z[i] - p[i]) * scale[i] * scale[i] == doctest::Approx(lam * p[i]).epsilon(1e-8));
  }
  CHECK_THROWS_AS(project_on_ellipsoid(Numbers{1}, Numbers{1, 2}, 1), ShapeError);
  CHECK_THROWS_AS(project_on_ellipsoid(Numbers{1}, Numbers{-1}, 1), UsageError);
  CHECK_THROWS_AS(project_on_ellipsoid(Numbers{1}, Numbers{1}, std::nan("")), UsageError);
}

}  // namespace gradus::sharpness_tests
