// Weights of classes and the focal loss: against the sum written out, against finite differences, example by example.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/train/task.h"
#include "autograd/grad.h"
#include "core/error.h"
#include "core/rng.h"

using namespace gradus;

namespace {

constexpr int64 kN = 5, kC = 4;
constexpr double kNear = sizeof(real) == 8 ? 1e-12 : 1e-5;

Batch batch_of(bool mixed) {
  Batch batch;
  batch.y = IntTensor::from({kN}, {0, 3, 1, 1, 2});
  batch.index = IntTensor::arange(kN);
  if (!mixed) return batch;
  batch.targets = Tensor::zeros({kN, kC});
  for (int64 i = 0; i < kN; ++i) {
    batch.targets.mutable_data()[i * kC + batch.y[i]] = real(0.75);
    batch.targets.mutable_data()[i * kC + (batch.y[i] + 1) % kC] = real(0.25);
  }
  return batch;
}

// sum over c of y_c w_c (1 - p_c)^g (-log p_c), term by term.
double by_hand(const Tensor& z, const Batch& batch, const ClassLoss& how, int64 i) {
  double sum = 0, loss = 0;
  for (int64 c = 0; c < kC; ++c) sum += std::exp(static_cast<double>(z.data()[i * kC + c]));
  for (int64 c = 0; c < kC; ++c) {
    const double p = std::exp(static_cast<double>(z.data()[i * kC + c])) / sum;
    const double y = batch.targets.defined()
                         ? static_cast<double>(batch.targets.data()[i * kC + c])
                         : (batch.y[i] == c ? 1 - how.label_smoothing : 0) + how.label_smoothing / kC;
    const double w = how.weights.empty() ? 1 : how.weights[static_cast<size_t>(c)];
    loss -= y * w * std::pow(1 - p, how.focal) * std::log(p);
  }
  return loss;
}

const std::vector<ClassLoss> kForms = {{.weights = {1, 5, 0, 0.5}},
                                       {.focal = 2},
                                       {.focal = 0.5},
                                       {.label_smoothing = 0.1, .focal = 1, .weights = {2, 1, 1, 3}},
                                       {.label_smoothing = 0.2, .weights = {2, 1, 1, 3}}};

}  // namespace

TEST_CASE("class loss: weights of classes, focal, smoothed and mixed targets, term by term") {
  const Tensor z = Rng(1).normal_tensor({kN, kC});
  for (const ClassLoss& how : kForms)
    for (const bool mixed : {false, true}) {
      const Batch batch = batch_of(mixed);
      const Tensor each = losses_of(Task::kClassification, z, batch, how);
      double mean = 0;
      for (int64 i = 0; i < kN; ++i) {
        const double expected = by_hand(z, batch, how, i);
        CHECK(static_cast<double>(each.data()[i]) == doctest::Approx(expected).epsilon(kNear));
        mean += expected / kN;
      }
      CHECK(loss_of(Task::kClassification, z, batch, how).item() == doctest::Approx(mean).epsilon(kNear));
    }
  // Without any of them it is the plain loss.
  const Batch batch = batch_of(false);
  CHECK(loss_of(Task::kClassification, z, batch, {.weights = {1, 1, 1, 1}}).item() ==
        doctest::Approx(loss_of(Task::kClassification, z, batch).item()).epsilon(kNear));
}

TEST_CASE("class loss: gradients are those of finite differences; a certain example has none and no NaN") {
  if (sizeof(real) == 8)
    for (const ClassLoss& how : kForms) {
      const Batch batch = batch_of(false);
      const Tensor at = Rng(2).normal_tensor({kN, kC}), z = variable(at.clone());
      const Tensor g = grad(loss_of(Task::kClassification, z, batch, how), {z})[0];
      for (int64 k = 0; k < kN * kC; ++k) {
        Tensor up = at.clone(), down = at.clone();
        const double h = 1e-5;
        up.mutable_data()[k] += static_cast<real>(h);
        down.mutable_data()[k] -= static_cast<real>(h);
        const double slope = (loss_of(Task::kClassification, up, batch, how).item() -
                              loss_of(Task::kClassification, down, batch, how).item()) /
                             (2 * h);
        CHECK(std::abs(static_cast<double>(g.data()[k]) - slope) < 1e-8);
      }
    }
  Batch sure;
  sure.y = IntTensor::from({2}, {0, 1});
  sure.index = IntTensor::arange(2);
  for (const double focal : {0.5, 1.0, 2.0}) {
    const Tensor z = variable(Tensor::from({2, 2}, {200, -200, 200, -200}));
    const Tensor loss = loss_of(Task::kClassification, z, sure, {.focal = focal});
    CHECK(std::isfinite(loss.item()));
    const Tensor g = grad(loss, {z})[0];
    for (int64 k = 0; k < 4; ++k) CHECK(std::isfinite(g.data()[k]));
    CHECK(g.data()[0] == doctest::Approx(0).epsilon(1e-6));
    CHECK(g.data()[2] == doctest::Approx(0.5));  // surely wrong: as without the factor
  }
}

TEST_CASE("class loss: Gauss-Newton steps see the weights of classes") {
  const ClassLoss how{.label_smoothing = 0.1, .weights = {2, 1, 0.25, 3}};
  const Batch batch = batch_of(false);
  const Tensor z = variable(Rng(3).normal_tensor({kN, kC}));
  const OutputCurvature q = output_curvature(Task::kClassification, z.detach(), batch, how);
  const Tensor g = grad(loss_of(Task::kClassification, z, batch, how), {z})[0];
  for (int64 k = 0; k < kN * kC; ++k)
    CHECK(static_cast<double>(q.slope.data()[k]) / kN ==
          doctest::Approx(static_cast<double>(g.data()[k])).epsilon(1e-5));
  const int64 columns = q.root.dim(2);
  for (int64 i = 0; i < kN; ++i)
    for (int64 a = 0; a < kC; ++a)
      for (int64 b = 0; b < kC; ++b) {
        double product = 0;
        for (int64 k = 0; k < columns; ++k)
          product += static_cast<double>(q.root.data()[(i * kC + a) * columns + k]) *
                     static_cast<double>(q.root.data()[(i * kC + b) * columns + k]);
        CHECK(std::abs(product - static_cast<double>(q.curvature.data()[(i * kC + a) * kC + b])) < 1e-5);
      }
  CHECK_THROWS_AS(output_curvature(Task::kClassification, z.detach(), batch, {.focal = 2}), UsageError);
}
