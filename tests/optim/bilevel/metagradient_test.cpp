// Metagradients and replay: the card's figures, all stored against replayed, central differences, a run of 1,000 steps.
#include "optim/bilevel/metagradient.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/dense_network.h"
#include "optim/bilevel/metagradient_descent.h"
#include "optim/registry.h"
#include "tests/precision.h"

namespace gradus::metagradient_tests {

using tests::kDouble;

Tensor element(const Tensor& x, int64 t) { return reshape(slice(x, 0, t, t + 1), std::vector<int64>{}); }

TEST_CASE("metagradient: two steps by hand") {
  // l = (theta - 1)^2/2, the first step weighted 1 + z; phi = (theta_2 - 2)^2/2.
  const DifferentiableRule sgd;
  const MetaTraining weighted = meta_training(
      sgd, 1,
      [](std::span<const Tensor> w, std::span<const Tensor> z, int64 t) {
        const Tensor l = square(w[0] - real(1)) * real(0.5);
        return t == 0 ? (z[0] + real(1)) * l : l;
      },
      [](std::span<const Tensor>, int64) { return Tensor::scalar(real(0.1)); },
      [](std::span<const Tensor> w) { return square(w[0] - real(2)) * real(0.5); }, 2);
  const Metagradient a =
      metagradient(weighted, sgd.start(Tensors{Tensor::scalar(0)}), Tensors{Tensor::scalar(0)}, 2);
  CHECK(double(a.grads[0].item()) == doctest::Approx(-0.1629));
  // L = theta^2/2, lrs (0.1, 0.2), phi = theta_2^2/2.
  const MetaTraining rates = meta_training(
      sgd, 1,
      [](std::span<const Tensor> w, std::span<const Tensor>, int64) { return square(w[0]) * real(0.5); },
      [](std::span<const Tensor> z, int64 t) { return element(z[0], t); },
      [](std::span<const Tensor> w) { return square(w[0]) * real(0.5); }, 2);
  const Metagradient b = metagradient(rates, sgd.start(Tensors{Tensor::scalar(1)}),
                                      Tensors{Tensor::from({2}, {real(0.1), real(0.2)})}, 2);
  CHECK(double(b.end[0].item()) == doctest::Approx(0.72));
  CHECK(b.target == doctest::Approx(0.2592));
  CHECK(double(b.grads[0].data()[0]) == doctest::Approx(-0.576));
  CHECK(double(b.grads[0].data()[1]) == doctest::Approx(-0.648));
  CHECK(double(b.start_grads[0].item()) == doctest::Approx(0.72 * 0.72));
}

ReplayCost cost_of(int64 steps, int64 branching) {
  return replay(steps, branching, {},
                {.advance = [](const ReplayState&, int64) { return ReplayState(); },
                 .at_end = [](const ReplayState&) {},
                 .backward = [](const ReplayState&, int64) {}});
}

TEST_CASE("replay: steps and states of trees") {
  const auto check = [](int64 steps, int64 branching, int64 forward, int64 peak) {
    const ReplayCost cost = cost_of(steps, branching);
    CAPTURE(steps);
    CHECK(cost.forward_steps == forward);
    CHECK(cost.peak_states == peak);
  };
  check(27, 3, 63, 7);
  check(64, 4, 160, 10);
  check(16, 2, 40, 5);
  check(1, 2, 1, 1);  // state 0 alone
  check(3, 4, 3, 3);  // all states: no step twice
  check(0, 2, 0, 1);
  CHECK_THROWS_AS(cost_of(4, 1), UsageError);
  CHECK_THROWS_AS(cost_of(-1, 2), UsageError);
  const ReplayCost uneven = cost_of(7, 2);  // [0,3) [3,7): from the end, 7 = 5 + 2, 5 = 3 + 2, ...
  CHECK(uneven.segments == std::vector<std::array<int64, 2>>{{5, 7}, {3, 5}, {1, 3}, {0, 1}});
}

TEST_CASE("replay: every step goes backwards once, at the state of the run bit for bit") {
  for (const int64 branching : {2, 3, 5, 40}) {
    std::vector<real> first;
    int64 expected = 37, ends = 0;
    const auto next = [](const ReplayState& s, int64 t) {
      return ReplayState{Tensor::scalar(s[0].item() * real(1.01) + static_cast<real>(t) * real(0.37))};
    };
    ReplayState s{Tensor::scalar(real(0.3))};
    for (int64 t = 0; t < 37; ++t) first.push_back(s[0].item()), s = next(s, t);
    replay(37, branching, {Tensor::scalar(real(0.3))},
           {.advance = next,
            .at_end = [&](const ReplayState& end) { ends += end[0].item() == s[0].item(); },
            .backward =
                [&](const ReplayState& at, int64 t) {
                  CHECK(t == --expected);
                  CHECK(at[0].item() == first[static_cast<size_t>(t)]);
                }});
    CHECK(expected == 0);
    CHECK(ends == 1);
  }
}

// A tanh network on 12 examples, a weight an example; batches of 4 keyed by the step.
struct SmallRun {
  Tensor x = Rng(1).normal_tensor({12, 3}), x_target = Rng(2).normal_tensor({6, 3});
  IntTensor y = IntTensor::from({12}, {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2}),
            y_target = IntTensor::from({6}, {0, 1, 2, 2, 1, 0});
  Tensors start{Rng(3).normal_tensor({5, 3}, 0, real(0.5)), Tensor::zeros({5}),
                Rng(4).normal_tensor({3, 5}, 0, real(0.5)), Tensor::zeros({3})};
  Tensor weights = Rng(5).uniform_tensor({12}, real(0.5), real(1.5));
  Activation act = activation("tanh");

  MetaTraining training(const DifferentiableRule& rule, int64 steps, double lr) const {
    return meta_training(
        rule, 4,
        [this](std::span<const Tensor> w, std::span<const Tensor> z, int64 t) {
          IntTensor rows({4}), labels({4});
          for (int64 i = 0; i < 4; ++i) {
            rows.mutable_data()[i] = (5 * t + 3 * i * i + i) % 12;
            labels.mutable_data()[i] = y[rows[i]];
          }
          return mean(
              index_select(z[0], 0, rows) *
              cross_entropy(dense_network(w, act, index_select(x, 0, rows)), labels, Reduction::kNone));
        },
        [lr](std::span<const Tensor>, int64) { return Tensor::scalar(static_cast<real>(lr)); },
        [this](std::span<const Tensor> w) {
          return cross_entropy(dense_network(w, act, x_target), y_target);
        },
        steps);
  }
};

TEST_CASE("metagradient: replayed equals all stored; central differences, with momentum and Adam") {
  const SmallRun run;
  for (const DifferentiableRule& rule :
       {DifferentiableRule{.optimizer = "sgd", .momentum = 0.9, .weight_decay = 0.01},
        DifferentiableRule{.optimizer = "adam", .weight_decay = 0.01, .eps_root = 1e-6}}) {
    CAPTURE(rule.optimizer);
    const MetaTraining training = run.training(rule, 20, 0.05);
    const Metagradient stored = metagradient(training, rule.start(run.start), Tensors{run.weights}, 20);
    CHECK(stored.cost.forward_steps == 20);
    for (const int64 branching : {2, 3, 7}) {
      const Metagradient at = metagradient(training, rule.start(run.start), Tensors{run.weights}, branching);
      CHECK(at.grads[0].values() == stored.grads[0].values());
      CHECK(at.end[0].values() == stored.end[0].values());
    }
    if (!kDouble) continue;
    for (int64 i = 0; i < 12; ++i) {
      const auto at = [&](double h) {
        Tensor moved = run.weights.clone();
        moved.mutable_data()[i] += static_cast<real>(h);
        return metagradient(training, rule.start(run.start), Tensors{moved}, 20).target;
      };
      CHECK(double(stored.grads[0].data()[i]) ==
            doctest::Approx((at(1e-5) - at(-1e-5)) / 2e-5).epsilon(1e-5));
    }
  }
  CHECK_THROWS_WITH_AS(DifferentiableRule{.optimizer = "lion"}.start(run.start), doctest::Contains("lion"),
                       UsageError);
}

TEST_CASE("metagradient: differentiable steps are those of the registry's optimizers") {
  const std::pair<DifferentiableRule, const char*> pairs[] = {
      {{.optimizer = "sgd", .momentum = 0.9, .weight_decay = 0.1},
       "sgd:lr=0.1,momentum=0.9,weight_decay=0.1"},
      {{.optimizer = "adam", .weight_decay = 0.1, .eps_root = 0}, "adam:lr=0.1,weight_decay=0.1"}};
  for (const auto& [rule, spec] : pairs) {
    CAPTURE(spec);
    Rng rng(6);
    const ParameterPtr w = make_parameter("w", ParamKind::kWeight, rng.normal_tensor({5}));
    const OptimizerPtr optimizer = make_optimizer(spec, {w});
    Tensors state = rule.start(Tensors{stop_gradient(w->value).clone()});
    for (int64 t = 0; t < 4; ++t) {
      const Tensor g = rng.normal_tensor({5});
      w->grad = g;
      optimizer->step();
      state = rule.step(state, Tensors{g}, Tensor::scalar(real(0.1)), t);
      for (int64 i = 0; i < 5; ++i)
        CHECK(double(state[0].data()[i]) == doctest::Approx(double(w->value.data()[i])).epsilon(1e-5));
    }
  }
}

TEST_CASE("metagradient: 1,000 steps of SGD in 40 states or fewer equal central differences") {
  const SmallRun run;
  const DifferentiableRule sgd;
  const MetaTraining training = run.training(sgd, 1000, 0.05);
  const Metagradient at = metagradient(training, sgd.start(run.start), Tensors{run.weights}, 8);
  CHECK(at.cost.peak_states <= 40);
  MESSAGE("1,000 steps: " << at.cost.peak_states << " states, " << at.cost.forward_steps << " steps forward");
  if (!kDouble) return;
  for (const int64 i : {0, 5, 11}) {
    const auto target = [&](double h) {
      Tensor moved = run.weights.clone();
      moved.mutable_data()[i] += static_cast<real>(h);
      const Recording off(false);
      Tensors s = sgd.start(run.start);
      for (int64 t = 0; t < 1000; ++t) s = training.step(s, Tensors{moved}, t);
      return double(training.target(s).item());
    };
    const double difference = (target(1e-5) - target(-1e-5)) / 2e-5, g = double(at.grads[0].data()[i]);
    INFO("weight " << i << ": " << g << " against " << difference);
    CHECK(std::abs(g - difference) <= 1e-5 * std::abs(difference));
  }
}

TEST_CASE("metagradient: training that diverges is refused") {
  const SmallRun run;
  const DifferentiableRule sgd;
  const MetaTraining training = meta_training(
      sgd, 1,
      [](std::span<const Tensor> w, std::span<const Tensor> z, int64) {
        return sum(z[0] * square(square(w[0])));
      },
      [](std::span<const Tensor>, int64) { return Tensor::scalar(100); },
      [](std::span<const Tensor> w) { return sum(w[0]); }, 12);
  CHECK_THROWS_AS(
      metagradient(training, sgd.start(Tensors{Tensor::scalar(3)}), Tensors{Tensor::scalar(1)}, 4),
      NumericError);
}

TEST_CASE("metasmoothness: by hand, and 1 for what is linear") {
  // D1 = (3, -1, .5, -.5), D2 = (1, -2, -1, .1).
  const Tensor zero = Tensor::zeros({4}), h = Tensor::from({4}, {3, -1, 0.5, -0.5}),
               h2 = Tensor::from({4}, {4, -3, -0.5, real(-0.4)});
  CHECK(metasmoothness(zero, h, h2) == doctest::Approx(0.772152).epsilon(1e-6));
  CHECK(metasmoothness(zero, h, h * real(2)) == 1);
  CHECK(metasmoothness(h, h, h) == 1);
  CHECK_THROWS_AS(metasmoothness(zero, h, Tensor::zeros({3})), ShapeError);
}

TEST_CASE("metagradient descent: keypoints, steps, counts") {
  CHECK(interpolate_keypoints(Tensor::from({3}, {1, 3, 2}), 5).values() ==
        std::vector<real>{1, 2, 3, real(2.5), 2});
  CHECK(interpolate_keypoints(Tensor::from({1}, {4}), 3).values() == std::vector<real>{4, 4, 4});
  CHECK(interpolate_keypoints(Tensor::from({2}, {4, 8}), 1).values() == std::vector<real>{4});
  CHECK_THROWS_AS(interpolate_keypoints(Tensor::zeros({0}), 3), UsageError);
  const Tensor z = Tensor::from({3}, {1, 1, real(0.1)}), g = Tensor::from({3}, {3, 0, 4});
  CHECK(metagradient_step(z, g, 0.25, false).values() == std::vector<real>{real(0.75), 1, 0});
  CHECK(metagradient_step(z, g, 0.5, true).values() == std::vector<real>{real(0.7), 1, 0});
  CHECK(metagradient_step(z, Tensor::zeros({3}), 0.5, true).values() == z.values());
  CHECK(next_counts(Tensor::from({4}, {1, 1, 1, 0}), Tensor::from({4}, {2, -2, 2, 2}),
                    Tensor::from({4}, {1, 1, 0, 1}))
            .values() == std::vector<real>{0, 2, 1, 0});
}

TEST_CASE("metagradient descent: the gradient of counts is that of the surrogate at its step") {
  // One weight from 0, l_i = (w - x_i)^2/2, x = (1, 3), counts (1, 1): g = w - 2. phi = w_T, two steps of 0.1.
  const auto training = [](int64 surrogate, double momentum) {
    return CountedTraining{.rule = {.momentum = momentum},
                           .lr = 0.1,
                           .steps = 2,
                           .surrogate_step = surrogate,
                           .examples = 2,
                           .losses =
                               [](std::span<const Tensor> w, const IntTensor&) {
                                 return square(w[0] - Tensor::from({2}, {1, 3})) * real(0.5);
                               },
                           .batch = [](int64) { return IntTensor::arange(2); },
                           .target = [](std::span<const Tensor> w) { return sum(w[0]); }};
  };
  const Tensors start{Tensor::zeros({1})};
  const CountGradient last = count_gradient(training(1, 0), start, Tensor::ones({2}));
  // w_1 = 0.2, w_2 = 0.38; d w_2/dz_i = -0.1*(0.2 - x_i).
  CHECK(last.target == doctest::Approx(0.38));
  CHECK(double(last.grads.data()[0]) == doctest::Approx(0.08));
  CHECK(double(last.grads.data()[1]) == doctest::Approx(0.28));
  // At the first step: d w_1/dz_i = 0.1*x_i, times 0.9; with momentum 0.5 the push is felt again: times (0.9 + 0.5).
  CHECK(double(count_gradient(training(0, 0), start, Tensor::ones({2})).grads.data()[1]) ==
        doctest::Approx(0.27));
  CHECK(double(count_gradient(training(0, 0.5), start, Tensor::ones({2})).grads.data()[1]) ==
        doctest::Approx(0.42));
  // Counts weigh: (3, 1) pulls to 1.5.
  CHECK(count_gradient(training(0, 0), start, Tensor::from({2}, {3, 1})).target ==
        doctest::Approx(0.15 + 0.135));
  CHECK_THROWS_AS(count_gradient(training(2, 0), start, Tensor::ones({2})), UsageError);
  CHECK_THROWS_AS(count_gradient(training(1, 0), start, Tensor::ones({3})), ShapeError);
}

}  // namespace gradus::metagradient_tests
