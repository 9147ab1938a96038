// Procedures that train a network in parts.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/backprop_free/boosting.h"
#include "apps/backprop_free/forward_forward_training.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus::backprop_free_tests {

// y = sin of a sum, on 80 points.
struct Curve {
  Tensor x, y;
  Curve() {
    Rng rng(1);
    x = rng.normal_tensor({80, 2});
    y = Tensor({80});
    for (int64 i = 0; i < 80; ++i)
      y.mutable_data()[i] =
          static_cast<real>(std::sin(double(x.data()[2 * i]) + double(x.data()[2 * i + 1])) + 2);
  }
  double error(const BoostedNetwork& network) const {
    return double(mean(square(network.raw(x).view(y.shape()) - y)).item());
  }
};

TEST_CASE("boosting: squared, all points: every block lowers the training error; one block is one fit") {
  const Curve curve;
  BoostingOptions o{.loss = "squared", .total = 8, .units = 2, .max_iter = 30, .subsample = 1};
  double before = double(var(curve.y, {}, false, 0).item());
  const BoostedNetwork network = boost(curve.x, curve.y, o, Rng(3), [&](const BoostedNetwork& so_far) {
    const double now = curve.error(so_far);
    CHECK(now <= before);
    before = now;
    CHECK(so_far.steps().back() == 1);
    return true;
  });
  CHECK(network.stages() == 4);
  CHECK(before < 0.05);
  // T = 1: a network fitted to y - mean(y).
  o.total = o.units = 6;
  const BoostedNetwork one = boost(curve.x, curve.y, o, Rng(3));
  const Tensor centred =
      boosting_residuals(BoostingLoss::kSquared, curve.y,
                         Tensor::full({80}, boosting_start(BoostingLoss::kSquared, curve.y).item()));
  const BoostedBlock fit =
      fit_block(curve.x, centred.view({80, 1}), o, Rng(3).fork(std::uint64_t{0}).fork("weights"));
  CHECK(one.merged().hidden_weight.values() == fit.hidden_weight.values());
  CHECK(one.stages() == 1);
  o.units = 4;
  CHECK_THROWS_AS(boost(curve.x, curve.y, o, Rng(3)), UsageError);
  o.units = 6, o.subsample = 0.001;
  CHECK_THROWS_AS(boost(curve.x, curve.y, o, Rng(3)), UsageError);
}

TEST_CASE("boosting: a block ends where its watch says; steps are of all points") {
  const Curve curve;
  Tensor y({80});
  for (int64 i = 0; i < 80; ++i) y.mutable_data()[i] = curve.y.data()[i] > 2 ? 1 : -1;
  const BoostingOptions o{.loss = "binary", .total = 10, .units = 2, .max_iter = 10, .eta = 0.5};
  const BoostedNetwork network =
      boost(curve.x, y, o, Rng(2), [](const BoostedNetwork& n) { return n.stages() < 2; });
  CHECK(network.stages() == 2);
  // The first step, from the whole set at the start.
  const BoostedBlock first = network.merged(1);
  const Tensor raw = Tensor::full({80}, boosting_start(BoostingLoss::kBinary, y).item());
  const Tensor f = (network.raw(curve.x, 1).view({80}) - raw) / static_cast<real>(network.steps()[0]);
  CHECK(network.steps()[0] ==
        doctest::Approx(0.5 * boosting_newton_step(BoostingLoss::kBinary, y, raw, f)).epsilon(1e-3));
}

TEST_CASE("forward-forward training: an optimizer a block; a block alone moves alone") {
  ForwardForwardNet net;
  for (int k = 0; k < 2; ++k)
    net.add_block(make_local_layer({4, k ? 4 : 3}, true), make_local_layer({4, 4}, false), 2);
  net.initialise(Rng(1));
  ForwardForwardTraining training(net, {}, "sgd:lr=0.1");
  Rng rng(2);
  const Tensor x = rng.normal_tensor({5, 3});
  const IntTensor y = IntTensor::from({5}, {0, 1, 0, 1, 1});
  const auto weights = [&](const char* name) { return net.find_slot(name).parameter()->value.values(); };
  const auto first = weights("block1.layer.weight"), second = weights("block2.layer.weight");
  training.train_batch(x, y, 1, 1);
  CHECK(weights("block1.layer.weight") == first);
  CHECK(weights("block2.layer.weight") != second);
  CHECK(training.train_batch(x, y).size() == 2);
  CHECK(weights("block1.layer.weight") != first);
  CHECK(accuracy_of(Tensor::from({2, 2}, {1, 0, 1, 0}), IntTensor::from({2}, {0, 1})) == 0.5);
}

}  // namespace gradus::backprop_free_tests
