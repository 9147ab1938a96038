#include "apps/steering/probe_training.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

namespace gradus::probe_training_tests {

TEST_CASE("probe training: two groups apart are told apart, from log 2 on") {
  Tensor activations = Tensor::zeros({20, 2});
  std::vector<int64> labels;
  for (int64 i = 0; i < 20; ++i) {
    activations.mutable_data()[2 * i + 1] =
        static_cast<real>((i % 2 ? -3 : 3) + 0.1 * static_cast<double>(i / 2));
    labels.push_back(i % 2);
  }
  const TrainedProbe probe = train_probe(activations, labels, 2);
  CHECK(probe.accuracy == 1);
  CHECK(probe.losses.size() == 20);
  CHECK(probe.losses[0] == doctest::Approx(std::log(2.0)));
  CHECK(probe.losses[19] < probe.losses[18]);
  // Adam's first step is lr in each coordinate that has a gradient; the first feature never changes.
  const TrainedProbe once = train_probe(activations, labels, 2, {.lr = 0.5, .epochs = 1});
  CHECK(once.probe.weight.data()[0] == 0);
  CHECK(once.probe.weight.data()[1] == doctest::Approx(0.5));
  CHECK(once.probe.weight.data()[3] == doctest::Approx(-0.5));
  CHECK(once.probe.std.data()[0] == 1);
  CHECK_THROWS_AS(train_probe(activations, labels, 1), DataError);
  CHECK_THROWS_AS(train_probe(activations, {0, 1}, 2), ShapeError);
  CHECK(probe_accuracy(Tensor::from({2, 2}, {1, 0, 1, 0}), {0, 1}) == 0.5);
}

}  // namespace gradus::probe_training_tests
