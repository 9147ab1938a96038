// Steering vectors and their probes: the card's clusters and identities.
#include "nn/steering/steering.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "nn/registry.h"
#include "nn/steering/taps.h"
#include "tests/precision.h"

namespace gradus::steering_tests {

using doctest::Approx;

// Differences +-e1, ten each; the default activations are apart along the second axis.
struct TwoGroups {
  Tensor target = Tensor::zeros({20, 1, 2}), standard = Tensor::zeros({20, 1, 2});
  TwoGroups() {
    for (int64 i = 0; i < 20; ++i) {
      const real sign = i % 2 ? real(-1) : real(1);
      standard.mutable_data()[2 * i + 1] = 3 * sign + real(0.1) * static_cast<real>(i / 2);
      target.mutable_data()[2 * i] = 2 * sign;
      target.mutable_data()[2 * i + 1] = standard.data()[2 * i + 1];
    }
  }
};

TEST_CASE("steering: two clusters, their vectors unscaled") {
  const TwoGroups groups;
  const SteeringDirections s = steering_directions(groups.target, groups.standard, std::vector<int64>{0, 1});
  CHECK(s.centroids.values() == std::vector<real>{1, 0, -1, 0});
  CHECK(s.vectors.values() == std::vector<real>{2, 0, -2, 0});
  for (int64 i = 0; i < 20; ++i) CHECK(s.labels[static_cast<size_t>(i)] == i % 2);
  // One cluster: the difference of means, here nothing.
  const SteeringDirections one = steering_directions(groups.target, groups.standard, std::vector<int64>{3});
  CHECK(std::abs(one.vectors.data()[0]) < 1e-6);
  CHECK_THROWS_AS(steering_features(groups.target, Tensor::zeros({20, 2, 2})), ShapeError);
}

TEST_CASE("steering: hard and soft, rows of the prompt stay, alpha 0 changes nothing") {
  const Tensor h = Tensor::from({3, 2}, {1, 0, 0, 2, 3, 0});
  LayerSteering layer{Tensor::from({2, 2}, {10, 0, 0, 20}), zero_probe(h, 2), {}};
  const Steered mean = steer(h, layer, {.alpha = 1, .mode = "soft"}, 1);
  // A uniform probe: the mean of the vectors.
  CHECK(mean.hidden.values() == std::vector<real>{1, 0, 5, 12, 8, 10});
  CHECK(mean.clusters == std::vector<int64>{-1, 0, 0});
  layer.probe = {};
  layer.act_means = Tensor::from({2, 2}, {1, 0, 0, 1});
  const Steered hard = steer(h, layer, {.alpha = 2}, 0);
  CHECK(hard.clusters == std::vector<int64>{0, 1, 0});
  CHECK(hard.hidden.values() == std::vector<real>{21, 0, 0, 42, 23, 0});
  CHECK(steer(h, layer, {.alpha = 0}).hidden.values() == h.values());
  CHECK(steer(h, layer, {}, 3).hidden.values() == h.values());
  CHECK_THROWS_AS(steer(h, {Tensor::zeros({1, 3}), {}, {}}, {}), ShapeError);
}

TEST_CASE("steering: a probe divides a feature that never changes by 1") {
  const SteeringProbe probe = zero_probe(Tensor::from({2, 2}, {1, 5, 3, 5}), 2);
  CHECK(probe.std.values() == std::vector<real>{1, 1});
  CHECK(probe.mean.values() == std::vector<real>{2, 5});
  const Tensor h = Tensor::from({2, 2}, {0, 5, 0, 6});
  CHECK(steer(h, {Tensor::from({2, 2}, {2, 0, 0, 2}), probe, {}}, {.alpha = 1, .mode = "soft"}, 0)
            .hidden.values() == std::vector<real>{1, 6, 1, 7});
}

TEST_CASE("steering: one step of a probe online, and the centroid that moves") {
  const Tensor target = Tensor::from({1, 2}, {3, 4}), standard = Tensor::zeros({1, 2});
  Tensor centroids = Tensor::from({2, 2}, {1, 0, 0, 1});
  std::vector<SteeringProbe> probes{
      {Tensor::from({2}, {-1, 0}), Tensor::from({2}, {2, 1}), Tensor::zeros({2, 2}), Tensor::zeros({2})}};
  CHECK(online_refine(target, standard, centroids, probes, 0.5, 0.25) == 1);
  // The feature is (0.6, 0.8); x = (0.5, 0); slopes 1/2 and -1/2.
  CHECK(centroids.data()[2] == Approx(0.15));
  CHECK(centroids.data()[3] == Approx(0.95));
  CHECK(probes[0].weight.data()[0] == Approx(-0.125));
  CHECK(probes[0].weight.data()[2] == Approx(0.125));
  CHECK(probes[0].bias.values() == std::vector<real>{real(-0.25), real(0.25)});
  CHECK(act_probs(Tensor::from({1, 2}, {5, 0}), Tensor::from({2, 2}, {1, 0, 0, 3})).data()[0] ==
        Approx(std::exp(1) / (std::exp(1) + 1)).epsilon(1e-6));
}

TEST_CASE("taps: the last block steered changes the logits by the head alone") {
  const auto model = make_model("gpt:block=8,dim=8,layers=2,heads=2", {.vocabulary = 5}, Rng(1));
  model->set_training(false);
  const IntTensor ids = IntTensor::from({1, 4}, {0, 3, 2, 4});
  const std::vector<std::string> last{"transformer.h.1"};
  const Recording off(false);
  const Tensor plain = (*model)(ids), h = read_activations(*model, last, ids)[0];
  const Tensor v = Rng(2).normal_tensor({1, 1, 8});
  Tensor steered;
  {
    const ActivationTaps taps(*model, last, [&](size_t, const Tensor& x) { return x + v * real(0.5); });
    steered = (*model)(ids);
  }
  const Tensor expected = model->find("lm_head")(model->find("transformer.ln_f")(h + v * real(0.5)));
  CHECK(max(abs(steered - expected)).item() < 1e-6);
  CHECK(max(abs(steered - plain)).item() > 1e-4);
  CHECK(max(abs((*model)(ids)-plain)).item() == 0);  // gone with the scope
  CHECK_THROWS_AS(read_activations(*model, {"transformer.h.2"}, ids), UsageError);
}

}  // namespace gradus::steering_tests
