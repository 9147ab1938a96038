// Gates, ranks and the steps of alpha: the card's checks.
#include "nn/adapters/ard_lora.h"

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/adapters/lora.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::ard_lora_tests {

const double kExact = kDouble ? 1e-12 : 1e-5;

TEST_CASE("ard-lora: hard ranks round half away from zero, and are at least one") {
  const RankGate g =
      rank_gate(Tensor::from({5}, {real(1.8), real(0.6), real(0.05), real(0.625), real(0.875)}), {});
  CHECK(g.hard_rank.values() == std::vector<int64>{7, 2, 1, 3, 4});
  CHECK(g.hard_gate.values()[7 - 1] == 1);
  CHECK(g.hard_gate.values()[7] == 0);
}

TEST_CASE(
    "ard-lora: gates open one after the other; the slope is that of the open one, at an integer of the one "
    "below") {
  const RankGate g = rank_gate(Tensor::from({2}, {real(0.65), 1}), {4, 8});
  for (int64 i = 0; i < 8; ++i) {
    CHECK(g.gate.data()[i] == doctest::Approx(i < 2 ? 1 : i == 2 ? 0.6 : 0).epsilon(1e-5));
    CHECK(g.gate_slope.data()[i] == (i == 2 ? 4 : 0));
    CHECK(g.gate.data()[8 + i] == (i < 4 ? 1 : 0));
    CHECK(g.gate_slope.data()[8 + i] == (i == 3 ? 4 : 0));
  }
}

TEST_CASE("ard-lora: with alpha = 1 it is LoRA of rank r0, and B = 0 adds nothing whatever alpha is") {
  const Tensor A = numbers({1, 6, 4}, 1), B = numbers({1, 5, 6}, 2), x = numbers({3, 4}, 3);
  GatedOptions o;
  o.r0 = 3, o.r_max = 6, o.lora_alpha = 6;
  const Tensor y = gated_lora(x, A, B, Tensor::ones({1}), o);
  const Tensor first = slice(A.view({6, 4}), 0, 0, 3), columns = slice(B.view({5, 6}), 1, 0, 3);
  CHECK(gap(y, linear(linear(x, first) * real(2), columns)) < kExact);
  CHECK(gap(gated_lora(x, A, Tensor::zeros({1, 5, 6}), Tensor::from({1}, {real(1.3)}), o),
            Tensor::zeros({3, 5})) == 0);
}

TEST_CASE(
    "ard-lora: heads by rows and by columns are blocks of a matrix, and alpha's gradient is the open "
    "component") {
  for (const char* sliced : {"rows", "columns"}) {
    CAPTURE(sliced);
    const bool rows = std::string(sliced) == "rows";
    GatedOptions o;
    o.r0 = 2, o.r_max = 3, o.lora_alpha = 3, o.sliced = sliced;
    const Tensor A = numbers({2, 3, 4}, 1), B = numbers({2, 5, 3}, 2), x = numbers({3, rows ? 4 : 8}, 3),
                 alpha = Tensor::from({2}, {real(1.2), real(0.7)});
    CHECK(gap(gated_lora(x, A, B, alpha, o), linear(x, gated_weight(A, B, alpha, o))) < kExact);
    if (!kDouble) continue;
    const Tensor g = numbers({3, rows ? 10 : 5}, 4);
    const auto value = [&](double shift) {
      Tensor moved = alpha.clone();
      moved.mutable_data()[0] += static_cast<real>(shift);
      const Tensor y = gated_lora(x, A, B, moved, o);
      double sum = 0;
      for (int64 i = 0; i < y.numel(); ++i) sum += double(y.data()[i]) * double(g.data()[i]);
      return sum;
    };
    const auto grad_alpha = [&](const GatedOptions& options) {
      return vjp([&](std::span<const Tensor> p) { return gated_lora(x, A, B, p[0], options); }, {{alpha}}, g,
                 {.allow_unused = true})
          .grads[0];
    };
    CHECK(static_cast<double>(grad_alpha(o).data()[0]) ==
          doctest::Approx((value(1e-4) - value(-1e-4)) / 2e-4).epsilon(1e-7));
    GatedOptions through = o, hard = o;
    through.gate_mode = "straight-through", hard.gate_mode = "hard";
    CHECK(gap(grad_alpha(through), grad_alpha(o)) < kExact);
    CHECK(gap(grad_alpha(hard), Tensor::zeros({2})) == 0);
    CHECK(gap(gated_lora(x, A, B, alpha, through), gated_lora(x, A, B, alpha, hard)) == 0);
  }
}

TEST_CASE("ard-lora: with no task gradient alpha falls by lr*lam, then by lr*lam*(1 - tv_coef)") {
  std::vector<double> alpha{1, 1.5}, before = alpha;
  const std::vector<double> none{0, 0};
  const AlphaOptions o{{4, 8}, 0.5, 0.01, 0.1, "temporal"};
  CHECK(update_alpha(alpha, before, none, 1, o) == doctest::Approx(0.01 * 2.5));
  CHECK(alpha[0] == doctest::Approx(0.995).epsilon(1e-12));
  update_alpha(alpha, before, none, 1, o);
  CHECK(alpha[0] == doctest::Approx(0.995 - 0.005 * 0.9).epsilon(1e-12));
  CHECK(before[0] == doctest::Approx(0.995).epsilon(1e-12));
  // Clipped to 1/r0 and r_max/r0; variation over layers.
  std::vector<double> ends{0.26, 1.99}, old = ends;
  update_alpha(ends, old, std::vector<double>{100, -100}, 1, o);
  CHECK(ends == std::vector<double>{0.25, 2});
  std::vector<double> layers{1, 1.5}, as_before = layers;
  AlphaOptions spatial = o;
  spatial.tv = "spatial";
  CHECK(update_alpha(layers, as_before, none, 2, spatial) == doctest::Approx(0.01 * (2.5 + 0.1 * 0.5)));
  CHECK(layers[0] == doctest::Approx(1 - 0.005 * 0.9));
  CHECK(layers[1] == doctest::Approx(1.5 - 0.005 * 1.1));
  CHECK_THROWS_AS(update_alpha(layers, as_before, none, 3, o), ShapeError);
}

TEST_CASE("ard-lora: an adapter counts the numbers of its hard ranks") {
  ArdLoraOptions o;
  o.heads = 2;
  ArdLoraAdapter adapter(6, 8, o);
  CHECK(adapter.kept_numbers() == 2 * 4 * (6 + 4));
  adapter.alpha = variable(Tensor::from({2}, {real(0.25), real(1.6)}));
  CHECK(adapter.kept_numbers() == (1 + 6) * 10);
  o.heads = 3;
  CHECK_THROWS_AS(ArdLoraAdapter(6, 8, o), UsageError);
}

}  // namespace gradus::ard_lora_tests
