#include "apps/bench/hypergradient.h"

#include <functional>

#include "apps/bench/timing.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "core/allocator.h"
#include "core/rng.h"
#include "optim/bilevel/implicit_gradient.h"

namespace gradus::bench {
namespace {

double peak_bytes_of(const std::function<void()>& body) {
  const auto before = allocator_stats().bytes_in_use;
  reset_peak_memory();
  body();
  return static_cast<double>(allocator_stats().peak_bytes_in_use - before);
}

}  // namespace

HypergradientCosts measure_hypergradient(int64 inputs, int64 terms, double seconds) {
  constexpr int64 kRows = 64, kClasses = 100;
  Rng rng(3);
  const Tensor x = rng.normal_tensor({kRows, inputs}), x_val = rng.normal_tensor({kRows, inputs});
  IntTensor y({kRows});
  for (int64 i = 0; i < kRows; ++i) y.mutable_data()[i] = i % kClasses;
  const Tensors w{rng.normal_tensor({kClasses, inputs}, 0, real(0.01))},
      decay{Tensor::full({kClasses, inputs}, -4)};
  const TwoLevelLoss train = [&](std::span<const Tensor> ws, std::span<const Tensor> ls) {
    return cross_entropy(linear(x, ws[0]), y) + log_decay_penalty(ws[0], ls[0]);
  };
  const TwoLevelLoss val = [&](std::span<const Tensor> ws, std::span<const Tensor>) {
    return cross_entropy(linear(x_val, ws[0]), y);
  };
  const std::function<void()> bodies[] = {
      [&] { value_and_grad([&](std::span<const Tensor> ws) { return train(ws, decay); }, w); },
      [&] { implicit_hypergradient(train, val, w, decay, {.num_neumann_terms = terms, .lr = 0.1}); }};
  const auto t = time_in_turns(seconds, 5, bodies);
  return {kClasses * inputs,       terms, t[0].median, t[1].median, peak_bytes_of(bodies[0]),
          peak_bytes_of(bodies[1])};
}

}  // namespace gradus::bench
