// The kernels of features and their penalty: the card's checks.
#include "nn/feature_transfer.h"

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/linalg.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::feature_transfer_tests {

double penalty_of(const Tensor& phi, const Tensor& psi, const Tensor& scales) {
  return static_cast<double>(transfer_penalty(phi, psi, scales).penalty.item());
}

TEST_CASE("feature transfer: three examples by hand") {
  const Tensor phi = Tensor::from({3, 2}, {1, 0, 0, 1, 0, 0}),
               psi = Tensor::from({3, 3}, {1, 0, 0, 0, 2, 0, 0, 0, 3});
  const TransferPenalty p = transfer_penalty(phi, psi, Tensor::zeros({3}));
  CHECK(static_cast<double>(p.kernel.at({0, 1})) == doctest::Approx(-0.8).epsilon(1e-6));
  CHECK(static_cast<double>(p.kernel.at({0, 2})) == doctest::Approx(-0.316228).epsilon(1e-5));
  CHECK(static_cast<double>(p.teacher_kernel.at({0, 1})) == doctest::Approx(-0.047565).epsilon(1e-4));
  CHECK(static_cast<double>(p.teacher_kernel.at({0, 2})) == doctest::Approx(-0.606043).epsilon(1e-5));
  CHECK(static_cast<double>(p.teacher_kernel.at({1, 2})) == doctest::Approx(-0.765705).epsilon(1e-5));
  CHECK(static_cast<double>(p.penalty.item()) == doctest::Approx(0.435171).epsilon(1e-5));
}

TEST_CASE("feature transfer: two examples have the same kernel always; so have features given twice") {
  const double least = kDouble ? 1e-9 : 1e-6;  // beside the 1e-4 of the root
  CHECK(penalty_of(numbers({2, 3}, 1), numbers({2, 5}, 2), numbers({5}, 3)) < 1e-4 + 100 * least);
  const Tensor phi = numbers({6, 3}, 4);
  const Tensor twice = concat(std::vector<Tensor>{phi, phi}, 1);
  CHECK(penalty_of(phi, twice, Tensor::zeros({6})) == doctest::Approx(1e-4).epsilon(1e-3));
}

TEST_CASE(
    "feature transfer: turning, scaling and moving the features changes nothing, nor does a common factor on "
    "the weights") {
  const Tensor phi = numbers({6, 3}, 1), psi = numbers({6, 4}, 2), scales = numbers({4}, 3);
  const double at = penalty_of(phi, psi, scales);
  const Tensor q = linalg::svd(numbers({3, 3}, 5)).u;
  const double close = kDouble ? 1e-6 : 1e-4;
  CHECK(penalty_of(linalg::matmul(phi, q), psi, scales) == doctest::Approx(at).epsilon(close));
  CHECK(penalty_of(phi * real(7), psi, scales) == doctest::Approx(at).epsilon(close));
  CHECK(penalty_of(phi + numbers({1, 3}, 6), psi, scales) == doctest::Approx(at).epsilon(close));
  // Half of every weight: sigmoid(log(w/(1-w))) with w/2.
  const Tensor w = sigmoid(scales) * real(0.5);
  CHECK(penalty_of(phi, psi, log(w / (1 - w))) == doctest::Approx(at).epsilon(close));
  const TransferPenalty plain = transfer_penalty(phi, psi, {}, {"linear", "none"});
  CHECK(static_cast<double>(plain.penalty.item()) ==
        doctest::Approx(penalty_of(phi, psi, Tensor::full({4}, 30))).epsilon(close));
}

TEST_CASE(
    "feature transfer: gradients are those of finite differences, for every kernel and kind of scales") {
  if (!kDouble) return;
  for (const char* kernel : {"linear", "rbf"})
    for (const char* kind : {"diagonal", "dense"}) {
      CAPTURE(kernel);
      CAPTURE(kind);
      const std::vector<Tensor> at{numbers({5, 3}, 1),
                                   numbers(std::string(kind) == "dense" ? Shape{4, 4} : Shape{4}, 2)};
      const Tensor psi = numbers({5, 4}, 3);
      const auto f = [&](std::span<const Tensor> p) {
        return transfer_penalty(p[0], psi, p[1], {kernel, kind}).penalty;
      };
      const Tensors grads = value_and_grad(f, at).grads;
      for (size_t which = 0; which < 2; ++which)
        for (int64 i = 0; i < at[which].numel(); i += 3) {
          const auto moved = [&](double h) {
            std::vector<Tensor> p{at[0].clone(), at[1].clone()};
            p[which].mutable_data()[i] += static_cast<real>(h);
            return static_cast<double>(f(p).item());
          };
          CHECK(static_cast<double>(grads[which].data()[i]) ==
                doctest::Approx((moved(1e-5) - moved(-1e-5)) / 2e-5).epsilon(1e-5));
        }
    }
}

TEST_CASE("feature transfer: distillation by hand, and what does not fit is refused") {
  const Tensor phi = Tensor::from({1, 2}, {1, 2}), psi = Tensor::from({1, 1}, {5});
  const Tensor weight = Tensor::from({1, 2}, {1, 1}), bias = Tensor::from({1}, {real(0.5)});
  CHECK(static_cast<double>(feature_distillation(phi, psi, weight, bias).item()) == doctest::Approx(2.25));
  CHECK_THROWS_AS(transfer_penalty(numbers({3, 2}, 1), numbers({4, 2}, 2), Tensor::zeros({2})), ShapeError);
  CHECK_THROWS_AS(transfer_penalty(numbers({3, 2}, 1), numbers({3, 2}, 2), Tensor::zeros({3})), ShapeError);
  CHECK_THROWS_AS(transfer_penalty(numbers({3, 2}, 1), numbers({3, 2}, 2), {}), ShapeError);
}

}  // namespace gradus::feature_transfer_tests
