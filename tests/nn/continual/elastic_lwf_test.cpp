// Springs on weights and old logits as targets: hand-worked figures.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "nn/continual/elastic_weights.h"
#include "nn/continual/lwf_loss.h"

namespace gradus::elastic_tests {

using doctest::Approx;

double at(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

TEST_CASE("ewc: Fisher information of a softmax of two classes") {
  // W = 0: p = 1/2 each; the gradient of the row of class c by z_c is p_c - [c = y] = +-1/2, times x.
  const Tensor x = Tensor::from({2, 1}, {2, 4});
  const std::vector<Tensor> p{variable(Tensor::zeros({2, 1})), variable(Tensor::zeros({2}))};
  const RowLogits logits = [&](int64 b, int64 e) { return linear(x.rows(b, e), p[0], p[1]); };
  for (const char* mode : {"empirical", "expected"}) {
    const std::vector<Tensor> f = diagonal_fisher(logits, p, IntTensor::from({2}, {0, 1}), mode);
    for (int64 c = 0; c < 2; ++c) {
      CHECK(at(f[0], c) == Approx((4.0 + 16.0) / 4 / 2));
      CHECK(at(f[1], c) == Approx(0.25));
    }
  }
  // p = (0.8, 0.2) by the bias: at label 0 (0.2)^2, at label 1 (0.8)^2; expected: 0.8*0.04 + 0.2*0.64.
  const std::vector<Tensor> q{variable(Tensor::zeros({2, 1})),
                              variable(Tensor::from({2}, {static_cast<real>(std::log(4.0)), 0}))};
  const RowLogits uneven = [&](int64 b, int64 e) { return linear(x.rows(b, e), q[0], q[1]); };
  CHECK(at(diagonal_fisher(uneven, q, IntTensor::from({2}, {0, 0}), "empirical")[1], 0) ==
        Approx(0.04).epsilon(1e-5));
  CHECK(at(diagonal_fisher(uneven, q, IntTensor::from({2}, {1, 1}), "empirical")[1], 1) ==
        Approx(0.64).epsilon(1e-5));
  CHECK(at(diagonal_fisher(uneven, q, IntTensor::from({2}, {0, 0}), "expected")[1], 0) ==
        Approx(0.16).epsilon(1e-5));
  CHECK_THROWS_AS(diagonal_fisher(uneven, q, IntTensor::from({2}, {0, 0}), "exact"), UsageError);
}

TEST_CASE("ewc: Fisher information of more rows than exist at once is their mean") {
  constexpr int64 kRows = 150;
  const Tensor x = Tensor::ones({kRows, 1});
  const std::vector<Tensor> p{variable(Tensor::zeros({2, 1})), variable(Tensor::zeros({2}))};
  const std::vector<Tensor> f =
      diagonal_fisher([&](int64 b, int64 e) { return linear(x.rows(b, e), p[0], p[1]); }, p,
                      IntTensor::full({kRows}, 1), "empirical");
  CHECK(at(f[0], 0) == Approx(0.25).epsilon(1e-5));
}

TEST_CASE("ewc: springs pull towards what was, memories add up or fade") {
  const std::vector<Tensor> anchor{Tensor::from({2}, {1, 2})}, stiff{Tensor::from({2}, {3, 4})};
  ElasticWeights separate({.ewc_lambda = 2}), online({.ewc_lambda = 2, .gamma = 0.5, .variant = "online"});
  const std::vector<Tensor> theta{variable(Tensor::from({2}, {2, 4}))};
  CHECK(at(separate.penalty(theta), 0) == 0);
  for (ElasticWeights* w : {&separate, &online}) {
    w->remember(anchor, stiff);
    const Tensor value = w->penalty(theta);
    CHECK(at(value, 0) == Approx(3.0 * 1 + 4.0 * 4));
    const Tensor g = grad(value, theta)[0];
    CHECK(at(g, 0) == Approx(2 * 3.0 * 1));
    CHECK(at(g, 1) == Approx(2 * 4.0 * 2));
    w->remember(std::vector<Tensor>{Tensor::zeros({2})}, std::vector<Tensor>{Tensor::ones({2})});
  }
  CHECK(separate.memories() == 2);
  CHECK(at(separate.penalty(theta), 0) == Approx(19.0 + 4 + 16));
  CHECK(online.memories() == 1);  // F = 0.5*(3, 4) + 1 at (0, 0)
  CHECK(at(online.penalty(theta), 0) == Approx(2.5 * 4 + 3.0 * 16));
  // A classifier that has grown is held in its first rows.
  const std::vector<Tensor> grown{variable(Tensor::from({3}, {2, 4, 100}))};
  CHECK(at(elastic_penalty(grown, anchor, stiff, 2), 0) == Approx(19.0));
  online.remember(std::vector<Tensor>{Tensor::zeros({3})}, std::vector<Tensor>{Tensor::ones({3})});
  CHECK(at(online.fishers(0)[0], 0) == Approx(2.25));
  CHECK(at(online.fishers(0)[0], 2) == Approx(1));
  CHECK_THROWS_AS(elastic_penalty(theta, anchor, {}, 1), ShapeError);
  CHECK_THROWS_AS(elastic_penalty(theta, std::vector<Tensor>{Tensor::zeros({3})}, stiff, 1), ShapeError);
}

TEST_CASE("lwf: two equal old logits, whatever the temperature, cost log 2") {
  const Tensor z = Tensor::from({1, 3}, {1, 1, 0}), q = Tensor::from({1, 2}, {5, 5});
  const IntTensor y = IntTensor::from({1}, {2});
  const double ce = std::log(2 * std::exp(1.0) + 1);
  const LwfLoss loss = lwf_loss(z, q, y, {.temperature = 3, .lwf_lambda = 0.5});
  CHECK(at(loss.cross_entropy, 0) == Approx(ce).epsilon(1e-6));
  CHECK(at(loss.distillation, 0) == Approx(std::log(2.0)).epsilon(1e-6));
  CHECK(at(loss.total, 0) == Approx(ce + 0.5 * std::log(2.0)).epsilon(1e-6));
  CHECK(at(lwf_loss(z, q, y, {.temperature = 3, .scale_t2 = true}).distillation, 0) ==
        Approx(9 * std::log(2.0)).epsilon(1e-6));
  CHECK_THROWS_AS(lwf_loss(q, z, y, {}), ShapeError);
}

}  // namespace gradus::elastic_tests
