#include "nn/losses.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "nn/task_loss.h"

using namespace gradus;

TEST_CASE("losses: hand values and reductions") {
  const Tensor a = Tensor::from({3}, {0, 2, -3}), b = Tensor::from({3}, {1, 2, 1});
  CHECK(l1_loss(a, b, Reduction::kNone).values() == std::vector<real>{1, 0, 4});
  CHECK(l1_loss(a, b, Reduction::kSum).item() == 5);
  CHECK(huber_loss(a, b, 2, Reduction::kNone).values() == std::vector<real>{real(0.5), 0, 6});
  const Tensor bits = Tensor::from({3}, {1, 0, 0});
  const Tensor bce = bce_with_logits(a, bits, Reduction::kNone);
  CHECK(bce.data()[0] == doctest::Approx(std::log(2.0)));
  CHECK(bce.data()[1] == doctest::Approx(std::log1p(std::exp(2.0))));
  CHECK(bce_with_logits(Tensor::from({1}, {200}), Tensor::from({1}, {1})).item() == 0);
  const Tensor logits = Tensor::from({1, 3}, {1, 3, real(2.5)});
  CHECK(hinge_loss(logits, IntTensor::from({1}, {1})).item() == doctest::Approx(0.5 / 3));
  const Tensor origin = Tensor::zeros({1, 2}), near = Tensor::from({1, 2}, {3, 4}),
               far = Tensor::from({1, 2}, {0, 7});
  CHECK(triplet_loss(origin, near, far, 1).item() == 0);
  CHECK(triplet_loss(origin, near, far, 3).item() == doctest::Approx(1));
  const Tensor p = Tensor::from({1, 2}, {1, 0});
  CHECK(kl_loss(log_softmax(Tensor::zeros({1, 2})), p).item() == doctest::Approx(std::log(2.0)));
  const Tensor rows = Tensor::from({2, 2}, {2, 0, 0, 5});
  CHECK(info_nce(rows, rows, 1).item() == doctest::Approx(std::log(1 + std::exp(-1.0))));
  CHECK(distillation_loss(logits, logits, 2).item() == doctest::Approx(0).epsilon(1e-6));
}

TEST_CASE("losses: shapes and ranges are checked") {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({2, 2});
  CHECK_THROWS_AS(l1_loss(a, b), ShapeError);
  CHECK_THROWS_AS(bce_with_logits(a, b), ShapeError);
  CHECK_THROWS_AS(huber_loss(a, a, 0), UsageError);
  CHECK_THROWS_AS(hinge_loss(a, IntTensor::from({2}, {0, 3})), DataError);
  CHECK_THROWS_AS(hinge_loss(a, IntTensor::from({1}, {0})), ShapeError);
  CHECK_THROWS_AS(triplet_loss(a, a, b), ShapeError);
  CHECK_THROWS_AS(info_nce(a, a, 0), UsageError);
  CHECK_THROWS_AS(kl_loss(Tensor::zeros({3}), Tensor::zeros({3})), ShapeError);
}

TEST_CASE("task loss: what each task compares") {
  const Tensor logits = Tensor::zeros({2, 4});
  const Tensor x = Tensor::ones({2, 4});
  CHECK(task_loss(Task::kClassification, logits, x, {IntTensor::from({2}, {0, 3}), {}}).item() ==
        doctest::Approx(std::log(4.0)));
  CHECK(task_loss(Task::kAutoencoder, logits, x, {}).item() == 1);
  CHECK(task_loss(Task::kRegression, logits, x, {{}, Tensor::full({2, 4}, 2)}).item() == 4);
  const IntTensor ids = IntTensor::full({2, 3}, 0);
  CHECK(task_loss(Task::kLanguageModel, Tensor::zeros({2, 3, 5}), ids, {ids, {}}).item() ==
        doctest::Approx(std::log(5.0)));
  CHECK_THROWS_AS(task_loss(Task::kLanguageModel, Tensor::zeros({2, 2, 5}), ids, {ids, {}}), ShapeError);
}
