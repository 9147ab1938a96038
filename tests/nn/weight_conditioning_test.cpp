// Weight conditioning: the card's checks, gradients, which layers of a network it reaches.
#include "nn/weight_conditioning.h"

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/linalg.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/nn/model_sizes.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::weight_conditioning_tests {

const double kTight = kDouble ? 1e-12 : 1e-5;
const double kFigure = kDouble ? 1e-6 : 2e-5;  // of figures given to seven digits

Tensor gradient(const Tensor& w, const Tensor& cotangent, const ConditioningOptions& o) {
  return vjp([&](std::span<const Tensor> xs) { return conditioned_weight(xs[0], o); }, {{w}}, cotangent)
      .grads[0];
}
double dot(const Tensor& a, const Tensor& b, int64 from, int64 n) {
  double sum = 0;
  for (int64 i = from; i < from + n; ++i) sum += double(a.data()[i]) * double(b.data()[i]);
  return sum;
}

TEST_CASE("weight conditioning: rows, columns, rows and columns of a matrix by hand") {
  const Tensor w = Tensor::from({2, 2}, {3, 4, 0, real(0.1)});
  const Tensor row = conditioned_weight(w);
  CHECK(gap(row, Tensor::from({2, 2}, {real(0.6), real(0.8), 0, 1})) < kTight);
  CHECK(*condition_number(w) == doctest::Approx(83.354670).epsilon(kFigure));
  CHECK(*condition_number(row) == doctest::Approx(3).epsilon(kFigure));
  const double c = std::hypot(4, 0.1);
  CHECK(gap(conditioned_weight(w, {.mode = "column"}),
            Tensor::from({2, 2}, {1, real(4 / c), 0, real(0.1 / c)})) < kTight);
  const double d = std::hypot(0.8, 1);
  CHECK(gap(conditioned_weight(w, {.mode = "row_column", .gain = 2}),
            Tensor::from({2, 2}, {2, real(1.6 / d), 0, real(2 / d)})) < 2 * kTight);
  CHECK(!condition_number(Tensor::from({2, 2}, {1, 2, 2, 4})));
  CHECK(!condition_number(Tensor::zeros({2, 3})));
  CHECK(*condition_number(Tensor::from({1, 3}, {1, 2, 2})) == doctest::Approx(1));
  CHECK_THROWS_AS(conditioned_weight(Tensor::zeros({3})), ShapeError);
}

TEST_CASE(
    "weight conditioning: rows have norm 1 whatever their scale, and orthogonal rows become orthonormal") {
  Tensor w = numbers({4, 3, 2, 2}, 1);
  const Tensor once = conditioned_weight(w);
  for (int64 i = 0; i < 4; ++i) CHECK(dot(once, once, 12 * i, 12) == doctest::Approx(1).epsilon(kTight));
  for (int64 j = 0; j < 12; ++j) w.mutable_data()[12 + j] *= 7;  // one row alone
  CHECK(gap(conditioned_weight(w), once) < kTight);
  CHECK(gap(conditioned_weight(w * real(0.25)), once) < kTight);
  const Tensor orthogonal = Tensor::from({2, 3}, {3, 0, 4, -8, 0, 6});
  const Tensor hat = conditioned_weight(orthogonal);
  CHECK(gap(linalg::matmul(hat, hat, false, true), linalg::identity(2)) < kTight);
  CHECK(*condition_number(hat) == doctest::Approx(1).epsilon(kTight));
}

TEST_CASE(
    "weight conditioning: the gradient through the norms is across the rows; detached it is divided by "
    "them") {
  const Tensor w = numbers({3, 4}, 2), g = numbers({3, 4}, 3);
  const Tensor through = gradient(w, g, {}), detached = gradient(w, g, {.detach = true});
  for (int64 i = 0; i < 3; ++i) {
    CHECK(std::abs(dot(through, w, 4 * i, 4)) < kTight);
    const double length = std::sqrt(dot(w, w, 4 * i, 4)), along = dot(g, w, 4 * i, 4) / (length * length);
    for (int64 j = 4 * i; j < 4 * i + 4; ++j) {
      CHECK(double(detached.data()[j]) == doctest::Approx(double(g.data()[j]) / length).epsilon(1e-5));
      CHECK(double(through.data()[j]) ==
            doctest::Approx((double(g.data()[j]) - along * double(w.data()[j])) / length).epsilon(1e-4));
    }
  }
  // Weight normalisation with gains of 1: v/||v||.
  const Tensor normalised =
      vjp([](std::span<const Tensor> xs) { return xs[0] / norm(xs[0], {1}, true); }, {{w}}, g).grads[0];
  CHECK(gap(through, normalised) < kTight);
}

TEST_CASE("weight conditioning: gradients agree with finite differences" * doctest::skip(!kDouble)) {
  const Tensor w = numbers({3, 2, 2, 1}, 4), g = numbers({3, 2, 2, 1}, 5);
  for (const char* mode : {"row", "column", "row_column"}) {
    CAPTURE(mode);
    const ConditioningOptions o{.mode = mode, .gain = 1.5};
    const Tensor by_rule = gradient(w, g, o);
    for (int64 i = 0; i < w.numel(); ++i) {
      const auto at = [&](double step) {
        Tensor moved = w.clone();
        moved.mutable_data()[i] += static_cast<real>(step);
        return dot(conditioned_weight(moved, o), g, 0, w.numel());
      };
      CHECK(double(by_rule.data()[i]) == doctest::Approx((at(1e-6) - at(-1e-6)) / 2e-6).epsilon(1e-6));
    }
  }
}

TEST_CASE("weight conditioning: rows of zeros stay zeros, without a gradient and without NaN") {
  const Tensor w = Tensor::from({2, 2}, {0, 0, 3, 4}), g = Tensor::ones({2, 2});
  CHECK(gap(conditioned_weight(w), Tensor::from({2, 2}, {0, 0, real(0.6), real(0.8)})) < kTight);
  for (const bool detach : {false, true}) {
    const Tensor grad = gradient(w, g, {.detach = detach});
    CHECK(grad.data()[0] == 0);
    CHECK(grad.data()[1] == 0);
  }
  CHECK(conditioned_weight(w, {.eps = 5}).values() == std::vector<real>{0, 0, 0, 0});
}

TEST_CASE("weight conditioning: plain gradient descent never shortens a row") {
  const auto model =
      make_model("mlp:hidden=4,act=tanh", {.channels = 3, .height = 1, .width = 1, .targets = 2}, Rng(3));
  condition_layers(*model, {});
  const ParamSlot first = model->find_slot("fc1.weight");
  const Tensor x = numbers({5, 3, 1, 1}, 6), y = numbers({5, 2}, 7);
  std::vector<Tensor> values;
  for (const auto& p : model->parameters()) values.push_back(p->value);
  std::vector<real> before = norm(values[0].detach(), {1}).values();
  for (int t = 0; t < 5; ++t) {
    const std::vector<Tensor> grads = grad(mean(square((*model)(x)-y)), values);
    for (size_t i = 0; i < values.size(); ++i)
      for (int64 j = 0; j < values[i].numel(); ++j)
        values[i].mutable_data()[j] -= real(0.3) * grads[i].data()[j];
    const std::vector<real> now = norm(values[0].detach(), {1}).values();
    for (size_t i = 0; i < now.size(); ++i) CHECK(now[i] >= before[i] * (1 - real(1e-6)));
    before = now;
  }
}

TEST_CASE("weight conditioning: layers but the head; what would never learn stays plain; folded weights") {
  const auto model = make_model("mlp:hidden=6-5", kMnist, Rng(1));
  CHECK(condition_layers(*model, {}).empty());
  const auto norms = [&](const char* name) {
    return norm(model->find_slot(name).value().detach(), {1}).values();
  };
  for (const char* name : {"fc1.weight", "fc2.weight"})
    for (const real n : norms(name)) CHECK(double(n) == doctest::Approx(1).epsilon(1e-5));
  const ParamSlot head = model->find_slot("fc3.weight");
  CHECK(gap(head.value().detach(), head.parameter()->value.detach()) == 0);
  // What is saved is what the network computes with: a plain network of these weights is the same function.
  const auto plain = make_model("mlp:hidden=6-5", kMnist, Rng(2));
  load_state_dict(*plain, effective_state_dict(*model));
  const Tensor x = numbers({3, 1, 28, 28}, 8);
  CHECK(gap((*plain)(x).detach(), (*model)(x).detach()) < kTight);
  CHECK(gap(state_dict(*model)[0].second, model->find_slot("fc1.weight").parameter()->value.detach()) == 0);

  const auto whole = make_model("mlp:hidden=6", kMnist, Rng(1));
  condition_layers(*whole, {.condition_head = true});
  CHECK(gap(whole->find_slot("fc2.weight").value().detach(),
            conditioned_weight(whole->find_slot("fc2.weight").parameter()->value.detach())) == 0);

  const auto zero = make_model("mlp:hidden=6-5", kMnist, Rng(1));
  zero->find_slot("fc2.weight").parameter()->value.fill(0);
  CHECK(condition_layers(*zero, {}) == std::vector<std::string>{"fc2"});
  CHECK(condition_layers(*zero, {}, true).empty());
  CHECK_THROWS_AS(condition_layers(*make_model("mlp:hidden=none", kMnist, Rng(1)), {}), UsageError);
}

TEST_CASE("weight conditioning: fixed norms are those of the first weights") {
  const auto model = make_model("mlp:hidden=4", kMnist, Rng(1));
  const ParamSlot first = model->find_slot("fc1.weight");
  const Tensor start = first.parameter()->value.detach().clone();
  condition_layers(*model, {.mode = "row_column", .gain = 3, .fixed = true});
  const ConditioningFactors f = conditioning_factors(start, {.mode = "row_column"});
  CHECK(gap(first.value().detach(), conditioned_weight(start, {.mode = "row_column", .gain = 3})) < kTight);
  for (int64 i = 0; i < start.numel(); ++i) first.parameter()->value.mutable_data()[i] *= 2;
  CHECK(gap(first.value().detach(), conditioned_by(start, f, 6)) < 4 * kTight);
}

}  // namespace gradus::weight_conditioning_tests
