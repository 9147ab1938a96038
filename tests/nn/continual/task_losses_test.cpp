// Masks of tasks, classes as Gaussians, prototypes, sparse units: the cards' figures.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "nn/continual/amarx.h"
#include "nn/continual/prototypes.h"
#include "nn/continual/scaled_weight.h"
#include "nn/continual/task_mask.h"
#include "nn/layers/sparse_activation.h"
#include "tests/precision.h"

namespace gradus::task_loss_tests {

using doctest::Approx;

double at(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

TEST_CASE("tag: only the task's classes compete") {
  const Tensor z = Tensor::from({1, 4}, {9, 1, 1, 9});
  CHECK(at(task_masked_loss(z, IntTensor::from({1}, {2}), 1, 2), 0) == Approx(std::log(2.0)).epsilon(1e-6));
  CHECK(task_masked_prediction(z, 1, 2)[0] == 1);
  CHECK_THROWS_AS(task_masked_loss(z, IntTensor::from({1}, {0}), 1, 2), DataError);
  CHECK_THROWS_AS(task_masked(z, 3, 2), UsageError);
}

TEST_CASE("rogo: a scaled weight") {
  const Tensor w = Tensor::from({1, 2}, {3, 4}), s = Tensor::from({2, 1}, {1, 0});
  CHECK(scaled_weight(w, s, Tensor::from({1, 1}, {2})).values() == std::vector<real>{6, 4});
  CHECK(scaled_weight(w, s, Tensor::ones({1, 1})).values() == std::vector<real>{3, 4});
  CHECK(scaled_weight(w, Tensor({2, 0}), Tensor({0, 0})).values() == std::vector<real>{3, 4});
  CHECK(at(scale_penalty(Tensor::from({2, 2}, {2, 3, 0, 1})), 0) == 10);
}

TEST_CASE("amgc: margins and losses of the card") {
  const Tensor w = linalg::identity(2), b = Tensor::zeros({2}), mu = Tensor::from({1, 2}, {2, 0});
  const IntTensor y = IntTensor::from({1}, {0});
  const auto loss = [&](double variance, double ve, int64 old) {
    const Tensor sigma = Tensor::from({1, 2, 2}, {real(variance), 0, 0, real(variance)});
    return amarx_terms(w, b, mu, enlarged_covariances(sigma, IntTensor::from({1}, {old}), ve, false), y);
  };
  CHECK(at(loss(1, 0, 1).losses, 0) == Approx(0.313262).epsilon(1e-5));
  CHECK(at(loss(0, 0, 1).losses, 0) == Approx(0.126928).epsilon(1e-5));
  CHECK(at(loss(1, 0.5, 1).losses, 0) == Approx(0.474077).epsilon(1e-5));
  CHECK(at(loss(1, 0.5, 0).losses, 0) == Approx(0.313262).epsilon(1e-5));  // a new class is not enlarged
  CHECK(at(loss(1, 0.5, 1).margins, 0) == 0);
  CHECK(at(loss(1, 0.5, 1).margins, 1) == Approx(1.5));
  // The same vector added to all weights changes nothing.
  const Tensor moved = w + Tensor::from({1, 2}, {real(0.3), -2});
  CHECK(at(amarx_terms(moved, b, mu, Tensor::zeros({1, 2, 2}), y).losses, 0) ==
        Approx(0.126928).epsilon(1e-5));
  CHECK_THROWS_AS(amarx_terms(w, b, mu, Tensor::zeros({1, 2, 2}), IntTensor::from({1}, {2})), DataError);
}

TEST_CASE("amgc: statistics of classes, drawn features") {
  const Tensor f = Tensor::from({4, 2}, {1, 0, 3, 2, 5, 5, 2, 4});
  const ClassStatistics s = class_statistics(f, IntTensor::from({4}, {0, 0, 2, 0}), 3, 0.5);
  CHECK(s.counts.values() == std::vector<int64>{3, 0, 1});
  CHECK(at(s.means, 0) == Approx(2));
  CHECK(at(s.means, 1) == Approx(2));
  // Class 0: deviations (-1,-2), (1,0), (0,2): variances 1 and 4, covariance 1.
  CHECK(at(s.covariances, 0) == Approx(1.5));
  CHECK(at(s.covariances, 1) == Approx(1));
  CHECK(at(s.covariances, 3) == Approx(4.5));
  CHECK(at(s.covariances, 8) == Approx(0.5));  // one example: the ridge alone
  CHECK(at(s.covariances, 9) == 0);
  const Tensor drawn = gaussian_features(Tensor::from({1, 2}, {1, 1}), Tensor::from({1, 2, 2}, {4, 2, 2, 2}),
                                         Tensor::from({1, 1, 2}, {1, 1}));
  CHECK(at(drawn, 0) == Approx(3));  // L = (2, 0; 1, 1)
  CHECK(at(drawn, 1) == Approx(3));
  CHECK_THROWS_AS(class_statistics(f, IntTensor::from({4}, {0, 0, 3, 0}), 3, 0), DataError);
}

TEST_CASE("amgc: the loss is an upper bound of the expected cross-entropy over the Gaussian") {
  // Card: about 0.241 by Monte Carlo, below 0.3133.
  constexpr int64 kDraws = 100000;
  const Tensor drawn = gaussian_features(Tensor::from({1, 2}, {2, 0}), linalg::identity(2).view({1, 2, 2}),
                                         Rng(5).normal_tensor({1, kDraws, 2}));
  double mean_loss = 0;
  for (int64 i = 0; i < kDraws; ++i)
    mean_loss += std::log1p(std::exp(at(drawn, 2 * i + 1) - at(drawn, 2 * i))) / kDraws;
  CHECK(mean_loss == Approx(0.241).epsilon(0.02));
  CHECK(mean_loss < 0.3133);
}

TEST_CASE(
    "amgc: the margin form is the loss over differences; without enlargement DBGC, without variance "
    "cross-entropy") {
  constexpr int64 K = 4, d = 3;
  Rng rng(23);
  const Tensor w = rng.normal_tensor({K, d}), b = rng.normal_tensor({K}), mu = rng.normal_tensor({K, d});
  Tensor sigma({K, d, d});
  for (int64 k = 0; k < K; ++k) {
    const Tensor a = rng.normal_tensor({d, d}), square = linalg::matmul(a, a, false, true);
    std::copy_n(square.data(), d * d, sigma.mutable_data() + k * d * d);
  }
  const IntTensor all = IntTensor::arange(K), old = IntTensor::from({K}, {1, 0, 1, 0});
  // log sum_j exp(v_jk' mu_k + b_j - b_k + v_jk' Sigma_k v_jk/2), v_jk = w_j - w_k.
  const auto by_differences = [&](const Tensor& s, int64 k) {
    double sum = 0;
    for (int64 j = 0; j < K; ++j) {
      double e = at(b, j) - at(b, k);
      for (int64 i = 0; i < d; ++i) {
        const double vi = at(w, j * d + i) - at(w, k * d + i);
        e += vi * at(mu, k * d + i);
        for (int64 l = 0; l < d; ++l)
          e += vi * at(s, (k * d + i) * d + l) * (at(w, j * d + l) - at(w, k * d + l)) / 2;
      }
      sum += std::exp(e);
    }
    return std::log(sum);
  };
  for (const double ve : {0.0, 0.7}) {
    const Tensor enlarged = enlarged_covariances(sigma, old, ve, false);
    const Tensor losses = amarx_terms(w, b, mu, enlarged, all).losses;
    for (int64 k = 0; k < K; ++k) CHECK(at(losses, k) == Approx(by_differences(enlarged, k)).epsilon(1e-5));
  }
  CHECK(enlarged_covariances(sigma, old, 0, false).values() == sigma.values());
  const Tensor none = amarx_terms(w, b, mu, Tensor::zeros({K, d, d}), all).losses;
  CHECK(at(mean(none), 0) == Approx(at(cross_entropy(linear(mu, w, b), all), 0)).epsilon(1e-5));
  // Classes in another order: the same terms in that order, and so the same mean, whatever examples a class had.
  const IntTensor order = IntTensor::from({K}, {2, 0, 3, 1});
  const Tensor moved = amarx_terms(index_select(w, 0, order), index_select(b, 0, order),
                                   index_select(mu, 0, order), index_select(sigma, 0, order), all)
                           .losses,
               still = amarx_terms(w, b, mu, sigma, all).losses;
  for (int64 k = 0; k < K; ++k) CHECK(at(moved, k) == Approx(at(still, order[k])).epsilon(1e-5));
}

TEST_CASE("hard_ash: a share of normal units that the normal distribution gives is on") {
  // alpha 3, z_k 2.3: on above mu + 2.3 sd - 1; P(z > 1.3) = 0.0968.
  const Tensor out = sparse_activation(Rng(31).normal_tensor({100, 2000}), {});
  double on = 0;
  for (const real v : out.span()) on += v != 0;
  CHECK(on / static_cast<double>(out.numel()) == Approx(0.0968).epsilon(0.02));
}

TEST_CASE("hard_ash: gradients through mean and deviation are those of central differences") {
  // Away from kinks: x = 0 and 2, and the ends of the gate, where u is -3 or 3 (u of this row: -5.1, -0.7, 1.0, -2.4, -4.3).
  const std::vector<double> x{-0.9, 0.6, 1.2, 0.05, -0.6}, weights{0.3, -1.1, 0.7, 0.4, 0.9};
  SparseActivationOptions o;
  o.z_k = 0.4;
  const Tensor g = Tensor::from({1, 5}, std::vector<real>(weights.begin(), weights.end()));
  const auto value = [&](const std::vector<double>& at_x) {
    const Tensor y = sparse_activation(Tensor::from({1, 5}, std::vector<real>(at_x.begin(), at_x.end())), o);
    double total = 0;
    for (int64 i = 0; i < 5; ++i) total += at(y, i) * weights[static_cast<size_t>(i)];
    return total;
  };
  const ValueAndGrad exact =
      value_and_grad([&](std::span<const Tensor> t) { return sum(sparse_activation(t[0], o) * g); },
                     std::vector<Tensor>{Tensor::from({1, 5}, std::vector<real>(x.begin(), x.end()))});
  const double h = tests::kDouble ? 1e-5 : 4e-3;
  bool any = false;
  for (size_t i = 0; i < 5; ++i) {
    std::vector<double> up = x, down = x;
    up[i] += h, down[i] -= h;
    const double slope = at(exact.grads[0], static_cast<int64>(i));
    any = any || std::abs(slope) > 0.1;
    CHECK(std::abs(slope - (value(up) - value(down)) / (2 * h)) < (tests::kDouble ? 1e-8 : 2e-3));
  }
  CHECK(any);
}

TEST_CASE("csfa: calibrated prototypes of the card") {
  const Tensor shots = Tensor::from({1, 1, 2}, {real(0.8), real(0.6)}), base = linalg::identity(2);
  const CalibratedPrototypes c = calibrate_prototypes(shots, base, {});
  CHECK(at(c.attention, 0) == Approx(0.96083428).epsilon(1e-5));
  CHECK(at(c.calibrated, 0) == Approx(0.89958513).epsilon(1e-5));
  CHECK(at(c.calibrated, 1) == Approx(0.32036419).epsilon(1e-5));
  CHECK(at(calibrate_prototypes(shots, base, {.tau = 0}).attention, 0) == Approx(0.5));
  CHECK(at(calibrate_prototypes(shots, base, {.shift = 0}).calibrated, 1) == Approx(0.6));
}

TEST_CASE("csfa: which entropies are reliable") {
  // Ten classes, one of probability 0.9 or 0.8, the others alike.
  Tensor z = Tensor::zeros({2, 10});
  z.mutable_data()[0] = static_cast<real>(std::log(0.9 * 9 / 0.1));
  z.mutable_data()[10] = static_cast<real>(std::log(0.8 * 9 / 0.2));
  const Tensor h = softmax_entropy(z);
  CHECK(at(h, 0) == Approx(0.544805).epsilon(1e-5));
  CHECK(at(h, 1) == Approx(0.939847).epsilon(1e-5));
  CHECK(reliable_rows(h, 10, 0.4).values() == std::vector<int64>{1, 0});
  CHECK(at(mean_of_kept(h, reliable_rows(h, 10, 0.4)), 0) == Approx(0.544805).epsilon(1e-5));
  CHECK(at(mean_of_kept(h, IntTensor::full({2}, 0)), 0) == 0);
}

TEST_CASE("hard_ash: units of the card") {
  const Tensor x = Tensor::from({1, 4}, {-1, 0, 1, 4});
  const auto last = [&](const char* kind, double z_k) {
    SparseActivationOptions o;
    o.kind = kind;
    o.z_k = z_k;
    return sparse_activation(x, o);
  };
  CHECK(at(last("hard_ash", 1.5), 3) == Approx(1.19375696).epsilon(1e-5));
  CHECK(at(last("hard_ash", 1.5), 2) == 0);
  CHECK(at(last("hard_ash", 1.7), 3) == Approx(0.81959122).epsilon(1e-5));
  CHECK(at(last("hard_ash", 2.3), 3) == 0);
  CHECK(at(last("ash", 1.5), 3) == Approx(2.56543913).epsilon(1e-5));
  CHECK(at(last("ash", 1.5), 2) == Approx(2.20646e-4).epsilon(1e-4));
  Tensor tall = Tensor::zeros({1, 10});
  tall.mutable_data()[4] = 3;
  CHECK(at(sparse_activation(tall, {}), 4) == Approx(1.63).epsilon(1e-5));
  // Equal units: half open, and no derivative through the deviation.
  const ValueAndGrad flat =
      value_and_grad([](std::span<const Tensor> t) { return sum(sparse_activation(t[0], {})); },
                     std::vector<Tensor>{Tensor::full({1, 3}, real(0.7))});
  CHECK(at(flat.value, 0) == Approx(1.05).epsilon(1e-5));
  CHECK(at(flat.grads[0], 0) == Approx(0.5).epsilon(1e-5));
}

TEST_CASE("hard_ash: the other activations, and rows of mean 0 and norm 1") {
  SparseActivationOptions o;
  const Tensor x = Tensor::from({1, 4}, {1, 3, 3, real(-0.16)});
  const auto of = [&](const char* kind) {
    o.kind = kind;
    return sparse_activation(x, o).values();
  };
  CHECK(of("topk_mask") == std::vector<real>{0, 3, 3, 0});
  o.top_k = 3;
  CHECK(of("topk_subtract") == std::vector<real>{0, 2, 2, 0});
  CHECK(of("lwta") == std::vector<real>{0, 3, 3, 0});
  CHECK(static_cast<double>(of("elephant")[3]) == Approx(0.5).epsilon(1e-5));
  o.top_k = 5;
  CHECK_THROWS_AS(of("topk_mask"), UsageError);
  o.groups = 3;
  CHECK_THROWS_AS(of("lwta"), UsageError);
  const Tensor w = standardised_rows(Tensor::from({1, 2}, {5, 1}));
  CHECK(at(w, 0) == Approx(std::sqrt(0.5)).epsilon(1e-6));
  CHECK(at(w, 1) == Approx(-std::sqrt(0.5)).epsilon(1e-6));
  CHECK_THROWS_AS(standardised_rows(Tensor::ones({1, 3})), NumericError);
}

}  // namespace gradus::task_loss_tests
