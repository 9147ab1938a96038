// The network that predicts gains: shapes and number of parameters of the card, a context by hand, finite differences.
#include "nn/selection/secondary_learner.h"

#include <doctest/doctest.h>

#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/modes.h"
#include "tests/precision.h"

namespace gradus::secondary_learner_tests {

TEST_CASE("secondary learner: shapes and parameters of the card") {
  SecondaryLearner learner(65);
  learner.initialise(Rng(1));
  learner.set_training(false);
  const SecondaryOutput out = learner.output(IntTensor::full({2, 32}, 7));
  CHECK(out.convolved.shape() == Shape{2, 32, 256});
  CHECK(out.pooled.shape() == Shape{2, 256});
  CHECK(out.q.shape() == Shape{2});
  int64 count = 0;
  for (const ParameterPtr& p : learner.parameters()) count += p->value.numel();
  CHECK(count == 116193);
  CHECK(out.q.data()[0] == out.q.data()[1]);
}

TEST_CASE("secondary learner: a convolution over three tokens with zeros around, its largest value") {
  // One dimension, one filter (1, 10, 100): y_t = x_{t-1} + 10 x_t + 100 x_{t+1} + 0.5.
  SecondaryWeights w;
  w.embedding = Tensor::from({3, 1}, {1, 2, 3});
  w.conv_weight = Tensor::from({1, 1, 3}, {1, 10, 100});
  w.conv_bias = Tensor::full({1}, real(0.5));
  w.fc1_weight = Tensor::full({1, 1}, 2);
  w.fc1_bias = Tensor::full({1}, 1);
  w.fc2_weight = Tensor::full({1, 1}, -1);
  w.fc2_bias = w.fc3_bias = Tensor::zeros({1});
  w.fc3_weight = Tensor::full({1, 1}, 3);
  const SecondaryOutput out = secondary_forward(w, IntTensor::from({1, 3}, {0, 2, 1}));
  CHECK(out.convolved.values() == std::vector<real>{real(310.5), real(231.5), real(23.5)});
  CHECK(out.pooled.item() == real(310.5));
  CHECK(out.q.item() == -3 * (2 * real(310.5) + 1));
  CHECK(secondary_forward(w, IntTensor::from({1, 3}, {0, 2, 1}), Tensor::zeros({1, 1})).q.item() == 0);
  CHECK_THROWS_AS(secondary_forward(w, IntTensor::from({3}, {0, 2, 1})), ShapeError);
}

TEST_CASE("secondary learner: dropout in training alone; gradients by central differences") {
  SecondaryLearner learner(5, {.dim = 3, .filters = 4, .hidden = 3, .dropout = 0.5});
  learner.initialise(Rng(2));
  const IntTensor ids = IntTensor::from({2, 6}, {0, 1, 2, 3, 4, 0, 2, 2, 1, 0, 3, 4});
  const Tensor a = learner(ids), b = learner(ids);
  CHECK(max(abs(a - b)).item() > 0);
  const ModeScope evaluation(learner, false);
  CHECK(max(abs(learner(ids) - learner(ids))).item() == 0);
  if (!tests::kDouble) return;
  CHECK(grad_check([&] { return sum(square(learner(ids))); }, learner.parameters()).worst() < 1e-6);
}

}  // namespace gradus::secondary_learner_tests
