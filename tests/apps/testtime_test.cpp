// Adaptation when an input comes: nothing is left behind, frozen parts stay, no feedback is no adaptation.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/control/shared_control.h"
#include "apps/fields/field_training.h"
#include "apps/testtime/entropy_adaptation.h"
#include "apps/testtime/feedback_adaptation.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/dense_network.h"
#include "nn/fields/fourier_features.h"

using namespace gradus;

namespace gradus::testtime_tests {

bool same(const Tensor& a, const Tensor& b) { return a.values() == b.values(); }

ScaleNet random_scale_net() {
  Rng rng(12);
  return {rng.normal_tensor({3, 2, 3, 3}),
          rng.normal_tensor({3}),
          rng.normal_tensor({4, 3}),
          rng.normal_tensor({4}),
          rng.normal_tensor({1, 2, 3, 3}, 0, real(0.1)),
          Tensor::full({1}, real(0.01))};
}

}  // namespace gradus::testtime_tests
using namespace gradus::testtime_tests;

TEST_CASE(
    "entropy_adaptation: no step is the network, steps lower the entropy, the network is left as it was") {
  const ScaleNet net = random_scale_net();
  const Tensor weight = net.score_weight.clone(), bias = net.scale_bias.clone(),
               x = Rng(13).normal_tensor({1, 2, 4, 4});
  EntropyAdaptationOptions o;
  o.steps = 0;
  const AdaptedPrediction none = adapt_by_entropy(x, net, o);
  CHECK(same(none.logits, scale_net_logits(x, net)));
  o.steps = 5, o.lr = 1e-3;
  const AdaptedPrediction one = adapt_by_entropy(x, net, o), again = adapt_by_entropy(x, net, o);
  CHECK(same(one.logits, again.logits));
  CHECK(same(net.score_weight, weight));
  CHECK(same(net.scale_bias, bias));
  CHECK(one.objective.front() == doctest::Approx(none.objective.front()));
  CHECK(one.objective.back() < one.objective.front());
  o.adapt = "score";
  CHECK(same(adapt_by_entropy(x, net, o).net.scale_bias, bias));
  CHECK(!same(adapt_by_entropy(x, net, o).net.score_weight, weight));
  o.adapt = "scale";
  CHECK(same(adapt_by_entropy(x, net, o).net.score_weight, weight));
  o.objective = "cross-entropy";
  CHECK_THROWS_AS(adapt_by_entropy(x, net, o), UsageError);
}

TEST_CASE(
    "feedback_adaptation: an empty mask hides the prediction; controllers of zero change nothing; the "
    "network is frozen") {
  Rng rng(14);
  const ModulatedNet net{rng.normal_tensor({5, 3}), rng.normal_tensor({5}), rng.normal_tensor({2, 5}),
                         rng.normal_tensor({2})};
  const FeedbackController c{rng.normal_tensor({4, 4}), rng.normal_tensor({4}), rng.normal_tensor({5, 4}),
                             rng.normal_tensor({5})};
  const Tensor x = rng.normal_tensor({3, 3}), y = rng.normal_tensor({3, 2}), q = rng.normal_tensor({3, 2});
  const Tensor empty = Tensor::zeros({3, 2}), full = Tensor::ones({3, 2});
  CHECK(same(controller_shift(c, y, q, empty), controller_shift(c, q, y, empty)));
  CHECK(!same(controller_shift(c, y, q, full), controller_shift(c, q, y, full)));
  const FeedbackController zero{c.ctrl_w, c.ctrl_b, Tensor::zeros({5, 4}), Tensor::zeros({5})};
  CHECK(same(adapt_to_feedback(net, zero, x, y, full), modulated_output(net, x)));
  CHECK(same(adapt_to_feedback(net, c, x, y, full, 0), modulated_output(net, x)));
  // A constant shift is a bias.
  const Tensor beta = rng.normal_tensor({5});
  ModulatedNet moved = net;
  moved.b1 = net.b1.clone();
  for (int64 i = 0; i < 5; ++i) moved.b1.mutable_data()[i] += beta.data()[i];
  const Tensor a = modulated_output(net, x, beta), b = modulated_output(moved, x);
  for (int64 i = 0; i < a.numel(); ++i)
    CHECK(static_cast<double>(a.data()[i]) ==
          doctest::Approx(static_cast<double>(b.data()[i])).epsilon(1e-4));
  const Tensor before = net.b1.clone();
  ControllerTraining training(net, c, {});
  training.step(x, y, full);
  const GradientAdaptation g = adapt_by_gradient(net, x, y, full, {});
  CHECK(same(net.b1, before));
  CHECK(!same(g.b1, before));
  CHECK(!same(training.controller().film_b, c.film_b));
}

TEST_CASE("field_training: masked channels have weights that do not move") {
  Rng rng(15);
  const Tensor x = rng.uniform_tensor({8, 1}, -1, 1), y = rng.normal_tensor({8, 1});
  const FieldNet start{rng.normal_tensor({4, 7}), Tensor::zeros({4}), rng.normal_tensor({1, 4}),
                       Tensor::zeros({1})};
  FieldOptions o;
  o.channels = "identity", o.lr = 0.1;
  FieldTraining field(x, y, rng.normal_tensor({1, 3}), start, o);
  for (int t = 0; t < 3; ++t) field.step();
  const FieldNet net = field.net();
  for (int64 i = 0; i < 28; ++i) CHECK((net[0].data()[i] == start[0].data()[i]) == (i % 7 > 0));
}

TEST_CASE("field_training: a deeper net starts from what it is given") {
  Rng rng(18);
  const Tensor x = rng.uniform_tensor({6, 1}, -1, 1), y = rng.normal_tensor({6, 1}),
               frequencies = rng.normal_tensor({1, 2});
  const FieldNet start = {rng.normal_tensor({4, 5}), rng.normal_tensor({4}),    rng.normal_tensor({3, 4}),
                          rng.normal_tensor({3}),    rng.normal_tensor({1, 3}), Tensor::zeros({1})};
  FieldOptions o;
  o.channels = "all", o.lr = 1e-2;
  FieldTraining field(x, y, frequencies, start, o);
  const Tensor expected = dense_network(start, activation("relu"), fourier_encoding(x, frequencies)),
               out = field.at(x);
  double loss = 0;
  for (int64 i = 0; i < 6; ++i) {
    CHECK(static_cast<double>(out.data()[i]) ==
          doctest::Approx(static_cast<double>(expected.data()[i])).epsilon(1e-4));
    loss += std::pow(static_cast<double>(expected.data()[i] - y.data()[i]), 2) / 6;
  }
  CHECK(field.step() == doctest::Approx(loss).epsilon(1e-4));
  // Adam's first step moves every weight with a gradient by the step size; the last bias always has one.
  const FieldNet after = field.net();
  REQUIRE(after.size() == 6);
  CHECK(std::abs(static_cast<double>(after[5].item())) == doctest::Approx(1e-2).epsilon(1e-3));
}

TEST_CASE("shared_control: imitating the person alone is possible in the sector") {
  Rng rng(16);
  const Tensor f = rng.normal_tensor({5, 2}), u = rng.uniform_tensor({5, 1}, real(0.2), 1),
               e = rng.uniform_tensor({5, 1}, real(0.2), 1);
  const LipschitzNet net{rng.normal_tensor({1, 3, 2}), Tensor::zeros({1, 2}), Tensor::zeros({1, 2}),
                         rng.normal_tensor({1, 3}),    Tensor::zeros({1}),    Tensor::scalar(0)};
  SharedControlOptions o;
  o.gamma = 0, o.sector.a = o.sector.b = 1;
  CHECK(SharedControlTraining(f, u, e, net, o).loss() == doctest::Approx(0));
  o = {};
  CHECK(SharedControlTraining(f, u, e, net, o).gamma() == doctest::Approx(worst_case_weight(u, e).gamma));
}
