// Rules by width: the card's figures, the steady state of decayed noise, singular values.
#include "optim/methods/width_scaling.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"
#include "core/rng.h"

using namespace gradus;

namespace gradus::width_scaling_tests {

const double kTight = sizeof(real) == 8 ? 1e-10 : 1e-4;

TEST_CASE("width scaling: the card's widths") {
  const WidthTuned tuned{.lr = 1e-3, .weight_decay = 0.1};
  const WidthRule rule{.base_width = 128};
  const WidthValues at256 = width_values(tuned, rule, 256), at512 = width_values(tuned, rule, 512);
  CHECK(at256.matrix_lr == doctest::Approx(5e-4).epsilon(1e-12));
  CHECK(at256.matrix_weight_decay == doctest::Approx(0.1414213562).epsilon(1e-9));
  CHECK(at512.matrix_lr == doctest::Approx(2.5e-4).epsilon(1e-12));
  CHECK(at512.matrix_weight_decay == doctest::Approx(0.2).epsilon(1e-12));
  for (const double width : {128.0, 256.0, 512.0})
    CHECK(width_values(tuned, rule, width).top_singular_prediction ==
          doctest::Approx(3.805463).epsilon(1e-6));
  CHECK(at512.vector_lr == 1e-3);
  CHECK(at512.vector_weight_decay == 0);
  CHECK(at512.output_multiplier == 0.25);
  CHECK(at512.matrix_eps == 1e-8);
  CHECK(width_values(tuned, {.base_width = 128, .scale_eps = true}, 512).matrix_eps ==
        doctest::Approx(2.5e-9));
}

TEST_CASE("width scaling: predicted singular values by rule; nothing changes at the base") {
  const WidthTuned tuned;
  for (const auto& [name, power] : {std::pair{"constant", 0.25}, std::pair{"sqrt", 0.0},
                                    std::pair{"linear", -0.25}, std::pair{"standard", 0.75}}) {
    CAPTURE(name);
    const WidthRule rule{.base_width = 64, .rule = name};
    const WidthValues base = width_values(tuned, rule, 64);
    CHECK(width_values(tuned, rule, 1024).top_singular_prediction / base.top_singular_prediction ==
          doctest::Approx(std::pow(16, power)).epsilon(1e-12));
    CHECK(base.matrix_lr == tuned.lr);
    CHECK(base.matrix_weight_decay == tuned.weight_decay);
    CHECK(base.matrix_eps == tuned.eps);
    CHECK(base.output_multiplier == 1);
  }
  // lr * weight_decay: constant under the linear rule, as 1/sqrt(width) under the paper's.
  const auto product = [&](const char* rule) {
    const WidthValues v = width_values(tuned, {.base_width = 64, .rule = rule}, 256);
    return v.matrix_lr * v.matrix_weight_decay / (tuned.lr * tuned.weight_decay);
  };
  CHECK(product("linear") == doctest::Approx(1));
  CHECK(product("sqrt") == doctest::Approx(0.5));
}

TEST_CASE("width scaling: the steady state of decayed noise") {
  CHECK(random_walk_limit(0.01, 1) == doctest::Approx(0.0708881).epsilon(1e-6));
  CHECK(random_walk_rms(0.01, 1, 3, 0) == 3);
  CHECK(random_walk_rms(0.01, 1, 3, 1) == doctest::Approx(std::sqrt(0.99 * 0.99 * 9 + 1e-4)).epsilon(1e-12));
  CHECK(random_walk_rms(0.01, 1, 3, 5000) == doctest::Approx(random_walk_limit(0.01, 1)).epsilon(1e-9));
  CHECK(random_walk_rms(0.1, 0, 1, 4) ==
        doctest::Approx(std::sqrt(1.04)).epsilon(1e-12));  // no decay: adds up
  // A walk of 4,096 numbers follows it to the precision of their count.
  Rng rng(5);
  std::vector<double> w(4096, 0.5);
  for (int t = 0; t < 200; ++t)
    for (double& x : w) x = (1 - 0.05 * 0.4) * x - 0.05 * rng.normal();
  double square = 0;
  for (const double x : w) square += x * x;
  CHECK(std::sqrt(square / 4096) == doctest::Approx(random_walk_rms(0.05, 0.4, 0.5, 200)).epsilon(0.03));
}

TEST_CASE("width scaling: the top singular value and the gain of a layer") {
  Rng rng(3);
  const Tensor w = rng.normal_tensor({7, 5});
  const TopSingular top = top_singular(w, rng.normal_tensor({5}), 300);
  CHECK(top.value == doctest::Approx(linalg::spectral_norm(w)).epsilon(1e-5));
  const TopSingular none = top_singular(Tensor::from({2, 2}, {3, 0, 0, 4}), Tensor::from({2}, {2, 0}), 0);
  CHECK(none.value == doctest::Approx(3));
  CHECK(none.vector.values() == std::vector<real>{1, 0});
  CHECK(layer_gain(Tensor::from({1, 2}, {3, 4}), Tensor::from({2, 2}, {1, 0, 0, 1})) ==
        doctest::Approx(std::sqrt(12.5) / std::sqrt(0.5)).epsilon(kTight));
  CHECK_THROWS_AS(top_singular(w, rng.normal_tensor({7}), 1), ShapeError);
  CHECK_THROWS_AS(top_singular(w, Tensor::zeros({5}), 1), NumericError);
}

}  // namespace gradus::width_scaling_tests
