// scaled-gd around SGD: pairs by hand, a factor of X X' alone, what is left as it is.
#include <doctest/doctest.h>

#include "autograd/ops/elementwise.h"
#include "core/rng.h"
#include "optim/methods/scaled_gd.h"
#include "optim/problems/function_objective.h"
#include "optim/problems/registry.h"
#include "optim/registry.h"

using namespace gradus;

namespace {

ParameterPtr with_gradient(const std::string& name, const Tensor& value, const Tensor& grad) {
  ParameterPtr p = make_parameter(name, ParamKind::kWeight, value.clone());
  p->grad = grad.clone();
  return p;
}
bool scaled_near(const Tensor& a, const Tensor& b) {
  for (int64 i = 0; i < a.numel(); ++i)
    if (std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])) >
        (sizeof(real) == 8 ? 1e-12 : 1e-4))
      return false;
  return a.shape() == b.shape();
}

}  // namespace

TEST_CASE("scaled-gd: a pair of rank 1 by hand, a step of the method on a pair of rank 2") {
  // B = (2, 0)', A = (3, 4): A A' = 25, B'B = 4.
  const ParameterPtr a =
      with_gradient("fc.lora_A", Tensor::from({1, 2}, {3, 4}), Tensor::from({1, 2}, {10, 5}));
  const ParameterPtr b =
      with_gradient("fc.lora_B", Tensor::from({2, 1}, {2, 0}), Tensor::from({2, 1}, {26, 13}));
  make_optimizer("scaled-gd(sgd:lr=1):damping=1", {a, b})->step();
  CHECK(scaled_near(a->value, Tensor::from({1, 2}, {1, 3})));
  CHECK(scaled_near(b->value, Tensor::from({2, 1}, {1, real(-0.5)})));

  Rng rng(1);
  const Tensor left = rng.normal_tensor({5, 2}), right = rng.normal_tensor({4, 2}),
               gl = rng.normal_tensor({5, 2}), gr = rng.normal_tensor({4, 2});
  const auto transposed = [](const Tensor& t) {
    Tensor out({t.dim(1), t.dim(0)});
    for (int64 i = 0; i < t.dim(0); ++i)
      for (int64 j = 0; j < t.dim(1); ++j) out.mutable_data()[j * t.dim(0) + i] = t.data()[i * t.dim(1) + j];
    return out;
  };
  const ParameterPtr wide = with_gradient("lora_A", transposed(right), transposed(gr)),
                     tall = with_gradient("lora_B", left, gl);
  make_optimizer("scaled-gd(sgd:lr=0.5):damping=0.1", {tall, wide})->step();
  const FactorPair expected = scaled_gd_step({left, right}, {gl, gr}, {.lr = 0.5, .damping = 0.1});
  CHECK(scaled_near(tall->value, expected.left));
  CHECK(scaled_near(wide->value, transposed(expected.right)));
}

TEST_CASE("scaled-gd: a tall matrix alone is a factor unless left; wide ones, vectors and half pairs stay") {
  Rng rng(2);
  const Tensor x = rng.normal_tensor({4, 2}), g = rng.normal_tensor({4, 2});
  const ParameterPtr factor = with_gradient("w", x, g), left = with_gradient("w", x, g),
                     half = with_gradient("fc.lora_A", Tensor::ones({1, 3}), Tensor::ones({1, 3})),
                     vector = with_gradient("bias", Tensor::ones({3}), Tensor::ones({3}));
  make_optimizer("scaled-gd(sgd:lr=1)", {factor})->step();
  CHECK(scaled_near(factor->value, x - scaled_gradient(g, x, 0.01)));
  make_optimizer("scaled-gd(sgd:lr=1):alone=leave", {left})->step();
  CHECK(scaled_near(left->value, x - g));
  make_optimizer("scaled-gd(sgd:lr=1)", {half, vector})->step();
  CHECK(scaled_near(half->value, Tensor::zeros({1, 3})));
  CHECK(scaled_near(vector->value, Tensor::zeros({3})));
}

// Condition number 100, five columns for rank 3: the error of plain descent is still large where this one's is gone.
TEST_CASE("scaled-gd: matrix sensing at a condition number of 100") {
  const auto loss_after = [](const char* spec) {
    const SmallProblem p =
        make_problem("matrix-sensing:size=12,measurements=150,condition=100,scale=0.01", Rng(3));
    Parameters parameters{make_parameter("x", ParamKind::kWeight, p.start[0].clone())};
    FunctionObjective objective(parameters, p.loss);
    const OptimizerPtr optimizer = make_optimizer(spec, parameters);
    for (int i = 0; i < 200; ++i) optimizer->step(objective);
    return objective.loss();
  };
  CHECK(loss_after("scaled-gd(sgd:lr=0.3):damping=1e-4") < 1e-7);
  CHECK(loss_after("sgd:lr=0.3") > 1e-6);
}
