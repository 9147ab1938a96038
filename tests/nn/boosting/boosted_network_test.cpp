// Boosted networks: the card's figures, the merge.
#include "nn/boosting/boosted_network.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/dense_network.h"

namespace gradus::boosted_network_tests {

double gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(double(a.data()[i]) - double(b.data()[i])));
  return worst;
}

TEST_CASE("gbnn: binary start, probabilities, residuals and step by hand") {
  const Tensor y = Tensor::from({4}, {1, 1, 1, -1});
  const Tensor start = boosting_start(BoostingLoss::kBinary, y);
  CHECK(double(start.item()) == doctest::Approx(0.549306).epsilon(1e-5));
  const Tensor raw = Tensor::full({4}, start.item());
  CHECK(double(boosting_prediction(BoostingLoss::kBinary, raw).data()[0]) == doctest::Approx(0.75));
  const Tensor r = boosting_residuals(BoostingLoss::kBinary, y, raw);
  CHECK(gap(r, Tensor::from({4}, {0.5, 0.5, 0.5, -1.5})) < 1e-6);
  CHECK(boosting_newton_step(BoostingLoss::kBinary, y, raw, r) == doctest::Approx(4.0 / 3).epsilon(1e-5));
  CHECK(boosting_newton_step(BoostingLoss::kBinary, y, raw, Tensor::zeros({4})) == 0);
  CHECK_THROWS_AS(boosting_start(BoostingLoss::kBinary, Tensor::from({2}, {1, 0})), DataError);
  CHECK_THROWS_AS(boosting_start(BoostingLoss::kBinary, Tensor::ones({2})), DataError);
  CHECK_THROWS_AS(boosting_start(BoostingLoss::kMulticlass, Tensor::ones({2})), ShapeError);
}

TEST_CASE("gbnn: multiclass at the start, and squared") {
  const Tensor y = Tensor::from({2, 4}, {1, 0, 0, 0, 0, 0, 1, 0}), raw = Tensor::zeros({2, 4});
  CHECK(boosting_start(BoostingLoss::kMulticlass, y).values() == std::vector<real>(4, 0));
  const Tensor r = boosting_residuals(BoostingLoss::kMulticlass, y, raw);
  CHECK(gap(r, Tensor::from({2, 4}, {.75, -.25, -.25, -.25, -.25, -.25, .75, -.25})) < 1e-6);
  const Tensor f = Tensor::from({2, 4}, {2, 0, 1, -1, 0, 0, 1, 0});
  // sum f^2 (K-1)/K^2 = 7*3/16; sum r f = 1.5 + 0 - .25 + .25 + .75.
  CHECK(boosting_newton_step(BoostingLoss::kMulticlass, y, raw, f) == doctest::Approx(2.25 / (21.0 / 16)));
  const Tensor t = Tensor::from({3}, {1, 2, 6});
  CHECK(double(boosting_start(BoostingLoss::kSquared, t).item()) == doctest::Approx(3));
  CHECK(boosting_newton_step(BoostingLoss::kSquared, t, Tensor::zeros({3}), t) == 1);
  CHECK(boosting_loss("binary") == BoostingLoss::kBinary);
  CHECK_THROWS_AS(boosting_loss("logistic"), UsageError);
}

TEST_CASE("gbnn: the merged network is the staged sum, at every stage, for all losses") {
  struct Kind {
    BoostingLoss loss;
    int64 outputs;
  };
  for (const Kind& kind : {Kind{BoostingLoss::kSquared, 1}, Kind{BoostingLoss::kBinary, 1},
                           Kind{BoostingLoss::kMulticlass, 3}}) {
    Rng rng(4);
    const Tensor x = rng.normal_tensor({9, 2});
    Tensor y = kind.loss == BoostingLoss::kMulticlass ? Tensor::zeros({9, 3}) : Tensor::ones({9});
    for (int64 i = 0; i < 9; ++i) {
      if (kind.loss == BoostingLoss::kMulticlass)
        y.mutable_data()[i * 3 + i % 3] = 1;
      else
        y.mutable_data()[i] = i % 3 ? 1 : -1;
    }
    const Tensor start = boosting_start(kind.loss, y);
    const Activation& act = activation("sigmoid");
    BoostedNetwork network(kind.loss, act, start);
    Tensor raw = Tensor::full(y.shape(), start.data()[0]);
    for (int t = 0; t < 3; ++t) {
      const BoostedBlock block{rng.normal_tensor({2, 2}), rng.normal_tensor({2}),
                               rng.normal_tensor({kind.outputs, 2}), rng.normal_tensor({kind.outputs})};
      BoostedNetwork whole = network;
      Tensor other = raw;
      const double unshrunk = whole.add(block, x, y, other, 1);
      CHECK(network.add(block, x, y, raw, 0.5) == doctest::Approx(unshrunk / 2).epsilon(1e-5));
    }
    CHECK(gap(network.raw(x).view(y.shape()), raw) < 1e-5);
    const real unit = kind.loss == BoostingLoss::kBinary ? 2 : 1;
    for (int64 s = 1; s <= 3; ++s) {
      const BoostedBlock m = network.merged(s);
      CHECK(m.hidden_weight.shape() == Shape{2 * s, 2});
      const Tensor out =
          dense_network(std::vector{m.hidden_weight, m.hidden_bias, m.output_weight, m.output_bias}, act, x);
      CHECK(gap(out, network.raw(x, s) * unit) < 1e-5);
    }
    CHECK_THROWS_AS(network.raw(x, 4), UsageError);
  }
}

TEST_CASE("gbnn: a block's objective by hand; biases are free") {
  const std::vector<Tensor> p{Tensor::from({1, 1}, {2}), Tensor::from({1}, {100}), Tensor::from({1, 1}, {3}),
                              Tensor::from({1}, {-300})};
  // f = 3*(2x + 100) - 300 = 6x at x = 1, 2 with residuals 5, 14: squares 1 and 4, half their mean 1.25; 0.1/2*(4+9)/2.
  CHECK(double(block_objective(p, activation("relu"), Tensor::from({2, 1}, {1, 2}),
                               Tensor::from({2, 1}, {5, 14}), 0.1)
                   .item()) == doctest::Approx(1.25 + 0.325));
  CHECK_THROWS_AS(block_objective(p, activation("relu"), Tensor::ones({2, 1}), Tensor::ones({2, 3}), 0),
                  ShapeError);
}

}  // namespace gradus::boosted_network_tests
