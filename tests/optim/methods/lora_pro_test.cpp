// LoRA-Pro: the card's figures, what the equivalent gradient is, whatever X is.
#include "optim/methods/lora_pro.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::lora_pro_tests {

const double kNear = kDouble ? 1e-9 : 2e-4;

double inner(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64 i = 0; i < a.numel(); ++i) sum += double(a.data()[i]) * double(b.data()[i]);
  return sum;
}
Tensor difference(const Tensor& a, const Tensor& b) {
  Tensor out = a.clone();
  for (int64 i = 0; i < a.numel(); ++i) out.mutable_data()[i] -= b.data()[i];
  return out;
}
// The projector on the columns of M.
Tensor projector(const Tensor& M) {
  const Tensor q = linalg::qr(M).q;
  return linalg::matmul(q, q, false, true);
}

struct Card {
  double s = 2;
  Tensor B = Tensor::from({2, 1}, {1, 0}), A = Tensor::from({1, 2}, {1, 1}),
         g = Tensor::from({2, 2}, {1, 2, 3, 4});
};

TEST_CASE("lora-pro: the card's pair, and what LoRA itself would do") {
  const Card c;
  const PairGradient plain = pair_of_full_gradient(c.A, c.B, c.g, c.s);
  CHECK(gap(plain.A, Tensor::from({1, 2}, {2, 4})) < kNear);
  CHECK(gap(plain.B, Tensor::from({2, 1}, {6, 14})) < kNear);
  CHECK(gap(equivalent_gradient(c.A, c.B, plain, c.s), Tensor::from({2, 2}, {16, 20, 28, 28})) < kNear);
  const PairGradient own = adjust_pair(c.A, c.B, plain, c.s, 0);
  CHECK(gap(own.A, Tensor::from({1, 2}, {0, real(0.5)})) < kNear);
  CHECK(gap(own.B, Tensor::from({2, 1}, {real(0.5), real(1.75)})) < kNear);
  const Tensor e = equivalent_gradient(c.A, c.B, own, c.s);
  CHECK(gap(e, Tensor::from({2, 2}, {1, 2, real(3.5), real(3.5)})) < kNear);
  CHECK(std::sqrt(inner(difference(e, c.g), difference(e, c.g))) == doctest::Approx(0.707107).epsilon(1e-5));
  // Descent: <gA,a> + <gB,b> = <g,e> = ||e||^2.
  CHECK(inner(plain.A, own.A) + inner(plain.B, own.B) == doctest::Approx(29.5).epsilon(1e-5));
  CHECK(inner(c.g, e) == doctest::Approx(29.5).epsilon(1e-5));
  CHECK(inner(e, e) == doctest::Approx(29.5).epsilon(1e-5));
}

TEST_CASE("lora-pro: the equivalent gradient is P_B g + (I - P_B) g P_A, with X and without") {
  const Tensor A = numbers({2, 6}, 1), B = numbers({5, 2}, 2), g = numbers({5, 6}, 3);
  const double s = 1.5;
  const Tensor on_B = projector(B), on_A = projector(linalg::transpose(A));
  const Tensor first = linalg::matmul(on_B, g), rest = linalg::matmul(difference(g, first), on_A);
  for (const bool with_x : {true, false}) {
    const PairGradient own = adjust_pair(A, B, pair_of_full_gradient(A, B, g, s), s, 0, with_x);
    CHECK(gap(difference(equivalent_gradient(A, B, own, s), first), rest) < kNear);
  }
}

TEST_CASE("lora-pro: X solves B'B X + X A A' = -A_X A', A_X the move of A without it") {
  const Tensor A = numbers({2, 6}, 1), B = numbers({5, 2}, 2), g = numbers({5, 6}, 3);
  const PairGradient plain = pair_of_full_gradient(A, B, g, 1.5);
  const Tensor without = adjust_pair(A, B, plain, 1.5, 0, false).A, At = linalg::transpose(A);
  const Tensor Q = linalg::matmul(A, At), P = linalg::matmul(linalg::transpose(B), B);
  // The moves of A differ by X A.
  const Tensor XQ = linalg::matmul(difference(adjust_pair(A, B, plain, 1.5, 0).A, without), At);
  const double a = double(Q.data()[0]), b = double(Q.data()[1]), d = double(Q.data()[3]), det = a * d - b * b;
  const Tensor inverse = Tensor::from({2, 2}, {real(d / det), real(-b / det), real(-b / det), real(a / det)});
  const Tensor X = linalg::matmul(XQ, inverse), C = linalg::matmul(without, At);
  for (int64 i = 0; i < 4; ++i)
    CHECK(double(linalg::matmul(P, X).data()[i]) + double(XQ.data()[i]) ==
          doctest::Approx(-double(C.data()[i])).epsilon(kDouble ? 1e-8 : 1e-3));
}

TEST_CASE("lora-pro: of full rank the product moves by the gradient itself") {
  const Tensor A = numbers({3, 3}, 1), B = numbers({3, 3}, 2), g = numbers({3, 3}, 3);
  const PairGradient own = adjust_pair(A, B, pair_of_full_gradient(A, B, g, 2), 2, 0);
  CHECK(gap(equivalent_gradient(A, B, own, 2), g) < (kDouble ? 1e-8 : 5e-3));
}

TEST_CASE("lora-pro: where B = 0 only B moves; a singular factor is refused without delta") {
  const Tensor A = numbers({2, 4}, 1), B = Tensor::zeros({3, 2}), g = numbers({3, 4}, 2);
  const PairGradient own = adjust_pair(A, B, pair_of_full_gradient(A, B, g, 2), 2, 0);
  CHECK(gap(own.A, Tensor::zeros({2, 4})) == 0);
  CHECK(gap(equivalent_gradient(A, B, own, 2), linalg::matmul(g, projector(linalg::transpose(A)))) < kNear);
  const Tensor flat = Tensor::from({2, 2}, {1, 0, 1, 0});
  CHECK_THROWS_AS(adjust_pair(flat, linalg::identity(2), {flat, flat}, 1, 0), NumericError);
  CHECK_THROWS_AS(adjust_pair(A, Tensor::zeros({3, 3}), {A, B}, 1), ShapeError);
  CHECK_THROWS_AS(LoraProPair(A, B, 0, {}), UsageError);
}

TEST_CASE("lora-pro: a first step of adamw on the pair; without a gradient sgd stays and adamw goes on") {
  const Card c;
  for (const char* form : {"sgd", "adamw"}) {
    CAPTURE(form);
    Tensor A = c.A.clone(), B = c.B.clone();
    LoraProOptions o;
    o.optimizer = form;
    LoraProPair pair(A, B, c.s, o);
    const PairGradient none{Tensor::zeros({1, 2}), Tensor::zeros({2, 1})};
    pair.step(pair_of_full_gradient(A, B, c.g, c.s), 0.1);
    if (std::string(form) == "sgd") {
      CHECK(gap(A, Tensor::from({1, 2}, {1, real(0.95)})) < kNear);
      CHECK(gap(B, Tensor::from({2, 1}, {real(0.95), real(-0.175)})) < kNear);
    } else {
      // Every entry of G = (1, 2, 3.5, 3.5) is positive: D is all ones, and its adjusted pair is the step.
      const Tensor ones = Tensor::ones({2, 2});
      const PairGradient move = adjust_pair(c.A, c.B, pair_of_full_gradient(c.A, c.B, ones, c.s), c.s);
      CHECK(static_cast<double>(A.data()[0]) ==
            doctest::Approx(1 - 0.1 * double(move.A.data()[0])).epsilon(1e-5));
      CHECK(static_cast<double>(B.data()[1]) ==
            doctest::Approx(-0.1 * double(move.B.data()[1])).epsilon(1e-5));
      CHECK(gap(pair.first_moment(), Tensor::from({2, 2}, {real(0.1), real(0.2), real(0.35), real(0.35)})) <
            10 * kNear);  // delta moves it by 1e-8
    }
    const Tensor before = A.clone();
    pair.step(none, 0.1);
    CHECK((gap(A, before) == 0) == (std::string(form) == "sgd"));
  }
}

}  // namespace gradus::lora_pro_tests
