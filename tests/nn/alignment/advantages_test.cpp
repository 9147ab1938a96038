// Lambda-returns and the actor-critic loss by hand.
#include "nn/alignment/advantages.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/alignment/actor_critic.h"

namespace gradus::advantages_tests {

Tensor number(double x) { return Tensor::scalar(static_cast<real>(x)); }

TEST_CASE("lambda returns: by hand, and their limits") {
  const Tensor r = Tensor::from({2, 1}, {1, 2}), d = Tensor::zeros({2, 1}),
               v = Tensor::from({3, 1}, {5, 6, 7});
  // G_1 = 2 + 0.5*7 = 5.5;  G_0 = 1 + 0.5*(0.75*6 + 0.25*5.5) = 3.9375.
  const Tensor g = lambda_returns(r, d, v, number(0.5), number(0.25));
  CHECK(double(g.data()[1]) == doctest::Approx(5.5));
  CHECK(double(g.data()[0]) == doctest::Approx(3.9375));
  CHECK(double(lambda_returns(r, d, v, number(0.5), number(0)).data()[0]) == doctest::Approx(1 + 0.5 * 6));
  CHECK(double(lambda_returns(r, d, v, number(0.5), number(1)).data()[0]) ==
        doctest::Approx(1 + 1 + 0.25 * 7));
  const Tensor ends = lambda_returns(r, Tensor::from({2, 1}, {1, 0}), v, number(0.5), number(0.25));
  CHECK(double(ends.data()[0]) == 1);
  CHECK_THROWS_AS(lambda_returns(r, d, r, number(1), number(1)), ShapeError);
}

TEST_CASE("lambda returns: the slope of a single step in gamma is (1 - d)*V") {
  for (const double done : {0.0, 1.0}) {
    const Jvp at = jvp(
        [&](std::span<const Tensor> gamma) {
          return lambda_returns(Tensor::from({1, 1}, {3}), Tensor::from({1, 1}, {real(done)}),
                                Tensor::from({2, 1}, {5, 7}), gamma[0], number(0.4));
        },
        Tensors{number(0.9)}, Tensors{number(1)});
    CHECK(double(at.tangent.item()) == doctest::Approx((1 - done) * 7));
  }
}

TEST_CASE("actor-critic loss: by hand, and no gradient into the critic through the advantage") {
  const Tensor logits = Tensor::from({1, 2}, {0, real(std::log(3))}), values = Tensor::from({1}, {2}),
               returns = Tensor::from({1}, {5});
  const IntTensor action = IntTensor::from({1}, {1});
  const double entropy = -(0.25 * std::log(0.25) + 0.75 * std::log(0.75));
  const ValueAndGrad at = value_and_grad(
      [&](std::span<const Tensor> x) {
        return actor_critic_loss(x[0], x[1], action, x[2], number(0.5), number(0.1));
      },
      Tensors{logits, values, returns});
  CHECK(double(at.value.item()) == doctest::Approx(-std::log(0.75) * 3 + 0.25 * 9 - 0.1 * entropy));
  CHECK(double(at.grads[1].item()) == doctest::Approx(-0.5 * 3));  // the critic's own loss alone
  CHECK(double(at.grads[2].item()) == doctest::Approx(-std::log(0.75) + 0.5 * 3));  // returns are followed
  CHECK_THROWS_AS(actor_critic_loss(logits, values, action, Tensor::zeros({2}), number(1), number(0)),
                  ShapeError);
}

}  // namespace gradus::advantages_tests
