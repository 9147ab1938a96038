// FOSTER's weights, losses and heads: the card's figures.
#include "nn/continual/foster_loss.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"

namespace gradus::foster_tests {

using doctest::Approx;

double at(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

TEST_CASE("foster: weights of classes") {
  const Tensor w = class_balance_weights(IntTensor::from({3}, {20, 20, 500}), 0.97);
  CHECK(at(w, 0) == Approx(1.22139604).epsilon(1e-6));
  CHECK(at(w, 1) == Approx(1.22139604).epsilon(1e-6));
  CHECK(at(w, 2) == Approx(0.55720792).epsilon(1e-6));
  const Tensor v = class_balance_weights(IntTensor::from({3}, {1, 1, 10}), 0.9);
  CHECK(at(v, 0) == Approx(1.39305904).epsilon(1e-6));
  CHECK(at(v, 2) == Approx(0.21388192).epsilon(1e-6));
  for (const double beta : {0.0, 0.5, 0.99})
    CHECK(at(class_balance_weights(IntTensor::from({2}, {7, 7}), beta), 1) == Approx(1).epsilon(1e-6));
  CHECK_THROWS_AS(class_balance_weights(IntTensor::from({2}, {7, 0}), 0.9), UsageError);
}

TEST_CASE("foster: logits are divided by the weights") {
  const Tensor z = Tensor::from({1, 2}, {2, 1}), w = Tensor::from({2}, {real(1.5), real(0.5)});
  for (const int64 y : {0, 1}) {
    const FeatureBoostingLoss loss =
        boosting_loss(z, z, Tensor::from({1, 1}, {2}), IntTensor::from({1}, {y}), w, {});
    CHECK(at(loss.classify, 0) == Approx(y == 1 ? 0.414370 : 1.081037).epsilon(1e-5));
    CHECK(at(loss.distill, 0) == 0);  // one old class: certain
  }
  CHECK_THROWS_AS(boosting_loss(z, z, Tensor::zeros({1, 3}), IntTensor::from({1}, {0}), w, {}), ShapeError);
}

TEST_CASE("foster: the balanced target") {
  const Tensor z = Tensor::from({1, 2}, {3, 3});
  const Tensor s = balanced_target(z, Tensor::from({2}, {real(1.5), real(0.5)}), 2);
  CHECK(at(s, 0) == Approx(0.75).epsilon(1e-6));
  CHECK(at(s, 1) == Approx(0.25).epsilon(1e-6));
  // Equal weights: plain distillation. At T = 2 softmax((2,0)/2) = (0.731059, 0.268941).
  const Tensor t = Tensor::from({1, 2}, {2, 0});
  CHECK(at(balanced_target(t, Tensor::ones({2}), 2), 0) == Approx(0.731059).epsilon(1e-5));
  // Weights 1.5 and 0.5: (1.096588, 0.134471), divided by their sum 1.231059.
  const Tensor u = balanced_target(t, Tensor::from({2}, {real(1.5), real(0.5)}), 2);
  CHECK(at(u, 0) == Approx(0.890768).epsilon(1e-5));
  CHECK(at(u, 1) == Approx(0.109232).epsilon(1e-5));
  CHECK(at(compression_loss(z, balanced_target(t, Tensor::ones({2}), 2), 2), 0) ==
        Approx(0.693147).epsilon(1e-5));
  CHECK(at(soft_target_loss(z, t, 2), 0) == Approx(0.693147).epsilon(1e-5));
}

TEST_CASE("foster: the classifier grows around its old block, rows are aligned") {
  const Classifier old{Tensor::from({1, 2}, {1, 2}), Tensor::from({1}, {5})};
  const Classifier fresh{Tensor::from({2, 3}, {9, 9, 3, 4, 6, 7}), Tensor::from({2}, {0, 8})};
  CHECK(expanded_classifier(old, fresh, false).weight.values() == std::vector<real>{1, 2, 3, 4, 6, 7});
  CHECK(expanded_classifier(old, fresh, true).weight.values() == std::vector<real>{1, 2, 3, 0, 0, 7});
  CHECK(expanded_classifier(old, fresh, true).bias.values() == std::vector<real>{5, 8});
  CHECK_THROWS_AS(expanded_classifier(fresh, old, false), ShapeError);
  // Norms 5 and 10: the new row is halved; two old and one new class make wa_value^2.
  const AlignedRows a = aligned_rows(Tensor::from({2, 2}, {3, 4, 6, 8}), 1, 1);
  CHECK(a.gamma == Approx(0.5));
  CHECK(a.weight.values() == std::vector<real>{3, 4, 3, 4});
  CHECK(aligned_rows(Tensor::from({3, 1}, {1, 1, 2}), 2, 3).gamma == Approx(4.5));
  CHECK_THROWS_AS(aligned_rows(Tensor::ones({2, 2}), 2, 1), UsageError);
  CHECK_THROWS_AS(aligned_rows(Tensor::zeros({2, 2}), 1, 1), NumericError);
}

TEST_CASE(
    "foster: behind the expansion old logits differ by the fresh columns alone; without them KD is an "
    "entropy") {
  Rng rng(17);
  const Tensor phi_old = rng.normal_tensor({5, 3}), phi_new = rng.normal_tensor({5, 3});
  const Classifier old{rng.normal_tensor({2, 3}), rng.normal_tensor({2})};
  Classifier fresh{rng.normal_tensor({4, 6}), Tensor::zeros({4})};
  const Tensor q = linear(phi_old, old.weight, old.bias);
  const auto grown_logits = [&] {
    const Classifier grown = expanded_classifier(old, fresh, false);
    return linear(concat(std::vector<Tensor>{phi_old, phi_new}, 1), grown.weight, grown.bias);
  };
  const Tensor o = grown_logits();
  for (int64 n = 0; n < 5; ++n)
    for (int64 k = 0; k < 2; ++k) {
      double through_new = 0;
      for (int64 i = 0; i < 3; ++i)
        through_new +=
            static_cast<double>(phi_new.at({n, i})) * static_cast<double>(fresh.weight.at({k, 3 + i}));
      CHECK(static_cast<double>(o.at({n, k})) - static_cast<double>(q.at({n, k})) ==
            Approx(through_new).epsilon(1e-4));
    }
  for (int64 k = 0; k < 4; ++k)
    for (int64 i = 3; i < 6; ++i) fresh.weight.mutable_data()[6 * k + i] = 0;
  const Tensor z = grown_logits();
  for (int64 n = 0; n < 5; ++n)
    for (int64 k = 0; k < 2; ++k)
      CHECK(static_cast<double>(z.at({n, k})) == Approx(static_cast<double>(q.at({n, k}))).epsilon(1e-5));
  const FeatureBoostingLoss loss =
      boosting_loss(z, z, q, IntTensor::full({5}, 3), Tensor::ones({4}), {.temperature = 2});
  double entropy = 0;
  for (int64 n = 0; n < 5; ++n) {
    const double d = (static_cast<double>(q.at({n, 1})) - static_cast<double>(q.at({n, 0}))) / 2,
                 p = 1 / (1 + std::exp(d));
    entropy -= (p * std::log(p) + (1 - p) * std::log(1 - p)) / 5;
  }
  CHECK(at(loss.distill, 0) == Approx(entropy).epsilon(1e-5));
}

}  // namespace gradus::foster_tests
