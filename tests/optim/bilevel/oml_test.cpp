// Inner loops and OML: the card's figures, limits, central differences, what must not move.
#include "optim/bilevel/oml.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "data/tasks/sine_tasks.h"
#include "tests/precision.h"

namespace gradus::oml_tests {

using tests::kDouble;

TEST_CASE("inner loop: one weight behind one scale, by hand") {
  // prediction w*theta*x, loss err^2/2; inner point (1,1), meta point (2,1).
  const auto meta = [](bool second_order) {
    return value_and_grad(
        [=](std::span<const Tensor> p) {
          const Tensor theta = p[0];
          const auto loss = [&](const Tensor& w, real x) {
            return square(w * theta * x - real(1)) * real(0.5);
          };
          const Tensors fast = inner_descent([&](std::span<const Tensor> w, int64) { return loss(w[0], 1); },
                                             p.subspan(1), 1, {.lr = 0.1, .second_order = second_order});
          CHECK(double(fast[0].item()) == doctest::Approx(0.28));
          return loss(fast[0], 2);
        },
        Tensors{Tensor::scalar(1), Tensor::scalar(real(0.2))});
  };
  const ValueAndGrad exact = meta(true), first = meta(false);
  CHECK(double(exact.value.item()) == doctest::Approx(0.0968));
  CHECK(double(exact.grads[0].item()) == doctest::Approx(-0.2992));
  CHECK(double(exact.grads[1].item()) == doctest::Approx(-0.792));
  CHECK(double(first.grads[0].item()) == doctest::Approx(-0.2464));
  CHECK(double(first.grads[1].item()) == doctest::Approx(-0.88));
}

TEST_CASE("inner loop: clipped gradients have no slope") {
  // w = 3, loss 10*w: the gradient 10 is clipped to 1, and w moves by lr; d w_1/d w = 1 either way.
  const InnerLoss slope = [](std::span<const Tensor> w, int64) { return square(w[0]) * real(5); };
  const auto after = [&](double clip) {
    return value_and_grad(
        [&](std::span<const Tensor> w) {
          return inner_descent(slope, w, 1, {.lr = 0.01, .grad_clip = clip})[0];
        },
        Tensors{Tensor::scalar(3)});
  };
  CHECK(double(after(1).value.item()) == doctest::Approx(2.99));
  CHECK(double(after(1).grads[0].item()) == doctest::Approx(1));
  CHECK(double(after(0).value.item()) == doctest::Approx(2.7));
  CHECK(double(after(100).grads[0].item()) == doctest::Approx(0.9));
}

struct SmallTasks {
  Rng rng{11};
  Tensors params{rng.normal_tensor({6, 3}), rng.normal_tensor({6}), rng.normal_tensor({2, 6}),
                 rng.normal_tensor({2})};
  Tensors stream{rng.normal_tensor({4, 3}), rng.normal_tensor({2, 3}), rng.normal_tensor({4, 3})};
  Tensors goals{rng.normal_tensor({4, 2}), rng.normal_tensor({2, 2}), rng.normal_tensor({4, 2})};
  Tensor meta = rng.normal_tensor({5, 3}), meta_goal = rng.normal_tensor({5, 2});
  OmlData data() const {
    return {stream, meta, [this](const Tensor& p, int64 k) {
              return mse_loss(p, k == kMetaBatch ? meta_goal : goals[static_cast<size_t>(k)]);
            }};
  }
};

TEST_CASE("oml: the meta-gradient equals central differences; without steps it is the ordinary one") {
  const SmallTasks tasks;
  const OmlGradient at = oml_meta_gradient(tasks.params, tasks.data(), {.lr = 0.05});
  if (kDouble)
    for (size_t p = 0; p < 4; ++p)
      for (int64 i = 0; i < tasks.params[p].numel(); ++i) {
        const auto loss = [&](double h) {
          Tensors moved = tasks.params;
          moved[p] = moved[p].clone();
          moved[p].mutable_data()[i] += static_cast<real>(h);
          return oml_meta_gradient(moved, tasks.data(), {.lr = 0.05}).meta_loss;
        };
        CHECK(double(at.grads[p].data()[i]) ==
              doctest::Approx((loss(1e-6) - loss(-1e-6)) / 2e-6).epsilon(1e-4));
      }
  const Tensors ordinary =
      value_and_grad(
          [&](std::span<const Tensor> p) {
            return tasks.data().loss(OmlNetwork::predict(p.last(2), OmlNetwork::represent(p, tasks.meta)),
                                     kMetaBatch);
          },
          tasks.params)
          .grads;
  OmlData none = tasks.data();
  none.stream.clear();
  for (const OmlGradient& still : {oml_meta_gradient(tasks.params, tasks.data(), {.lr = 0}),
                                   oml_meta_gradient(tasks.params, none, {.lr = 0.05})}) {
    CHECK(still.meta_loss == still.first_loss);
    for (size_t p = 0; p < 4; ++p)
      for (int64 i = 0; i < ordinary[p].numel(); ++i)
        CHECK(double(still.grads[p].data()[i]) ==
              doctest::Approx(double(ordinary[p].data()[i])).epsilon(1e-5));
  }
  // First order: another gradient, the same fast weights.
  const OmlGradient first =
      oml_meta_gradient(tasks.params, tasks.data(), {.lr = 0.05, .second_order = false});
  CHECK(first.fast[0].values() == at.fast[0].values());
  CHECK(first.grads[0].values() != at.grads[0].values());
}

TEST_CASE("oml: the representation stays as it is, and online learning is the inner loop") {
  const SmallTasks tasks;
  const std::vector<real> before = tasks.params[0].values(), last = tasks.params[2].values();
  const OmlGradient at = oml_meta_gradient(tasks.params, tasks.data(), {.lr = 0.05});
  const Tensors online = learn_online(tasks.params, tasks.data(), 0.05);
  CHECK(tasks.params[0].values() == before);
  CHECK(tasks.params[2].values() == last);
  for (int64 i = 0; i < 12; ++i)
    CHECK(double(online[0].data()[i]) == doctest::Approx(double(at.fast[0].data()[i])).epsilon(1e-5));
  CHECK(!requires_grad(online[0]));
  CHECK_THROWS_AS(learn_online(Tensors{tasks.params[0]}, tasks.data(), 0.05), ShapeError);
}

TEST_CASE("oml: hidden layers are rectified, the last one is linear") {
  const Tensors params{Tensor::from({2, 1}, {1, -1}), Tensor::from({2}, {0, real(0.5)}),
                       Tensor::from({1, 2}, {2, 3}), Tensor::from({1}, {-4})};
  const Tensor h = OmlNetwork::represent(params, Tensor::from({2, 1}, {2, -1}));
  CHECK(h.values() == std::vector<real>{2, 0, 0, real(1.5)});
  CHECK(OmlNetwork::predict(std::span(params).last(2), h).values() == std::vector<real>{0, real(0.5)});
}

TEST_CASE("oml: rows drawn anew") {
  const Tensor w = Tensor::from({3, 2}, {1, 2, 3, 4, 5, 6}), fresh = Tensor::from({2, 2}, {7, 8, 9, 10});
  CHECK(with_fresh_rows(w, IntTensor::from({2}, {2, 0}), fresh).values() ==
        std::vector<real>{9, 10, 3, 4, 7, 8});
  CHECK(w.at({0, 0}) == 1);
  CHECK_THROWS_AS(with_fresh_rows(w, IntTensor::from({2}, {3, 0}), fresh), DataError);
  CHECK_THROWS_AS(with_fresh_rows(w, IntTensor::from({1}, {0}), fresh), ShapeError);
}

}  // namespace gradus::oml_tests
