#include "nn/adapters/ard_lora.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

Shape with_axis(const Shape& shape, int64 extent) {
  std::vector<int64> dims(shape.begin(), shape.end());
  dims.push_back(extent);
  return Shape(dims);
}

// The gates (H,r_max) that the forward pass uses, with their derivative in alpha.
Tensor gates_of(const Tensor& alpha, const GatedOptions& o) {
  const RankGate g = rank_gate(alpha.detach(), o);
  if (o.gate_mode == "hard") return g.hard_gate;
  const Tensor ramp = g.gate_slope * reshape(alpha, with_axis(alpha.shape(), 1));
  return straight_through(o.gate_mode == "soft" ? g.gate : g.hard_gate, ramp);
}

void check_units(const Tensor& A, const Tensor& B, const Tensor& alpha, const GatedOptions& o) {
  if (A.rank() != 3 || B.rank() != 3 || A.dim(0) != B.dim(0) || A.dim(1) != o.r_max || B.dim(2) != o.r_max ||
      !(alpha.shape() == Shape{A.dim(0)}))
    fail<ShapeError>("ard-lora: A {}, B {} and alpha {} do not fit ranks up to {}", A.shape().str(),
                     B.shape().str(), alpha.shape().str(), o.r_max);
}

real scaling_of(const GatedOptions& o) { return static_cast<real>(o.lora_alpha / static_cast<double>(o.r0)); }

double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

}  // namespace

RankGate rank_gate(const Tensor& alpha, const RankGateOptions& o) {
  const int64 n = alpha.numel();
  const Shape wide = with_axis(alpha.shape(), o.r_max);
  RankGate out{Tensor(wide), Tensor(wide), Tensor(wide), IntTensor(alpha.shape())};
  real *gate = out.gate.mutable_data(), *slope = out.gate_slope.mutable_data(),
       *hard = out.hard_gate.mutable_data();
  for (int64 u = 0; u < n; ++u) {
    const double r0 = static_cast<double>(o.r0), rho = r0 * static_cast<double>(alpha.data()[u]);
    const int64 rank = static_cast<int64>(std::max(1.0, std::floor(rho + 0.5)));
    out.hard_rank.mutable_data()[u] = rank;
    for (int64 i = 0; i < o.r_max; ++i) {
      const double open = rho - static_cast<double>(i);
      *gate++ = static_cast<real>(std::clamp(open, 0.0, 1.0));
      *slope++ = open > 0 && open <= 1 ? static_cast<real>(r0) : real(0);
      *hard++ = i < rank ? real(1) : real(0);
    }
  }
  return out;
}

Tensor gated_lora(const Tensor& x, const Tensor& A, const Tensor& B, const Tensor& alpha,
                  const GatedOptions& o) {
  check_units(A, B, alpha, o);
  const int64 H = A.dim(0), r = o.r_max, outer = B.dim(1), inner = A.dim(2);
  const bool rows = o.sliced == "rows";
  const int64 in = rows ? inner : H * inner, out = rows ? H * outer : outer;
  if (x.rank() < 1 || x.dim(x.rank() - 1) != in)
    fail<ShapeError>("ard-lora: inputs {} do not fit A {} sliced by {}", x.shape().str(), A.shape().str(),
                     o.sliced);
  const int64 T = x.numel() / in;
  const Tensor gates = reshape(gates_of(alpha, o) * scaling_of(o), Shape{H, 1, r});
  Tensor hidden;  // (H,T,r)
  if (rows)
    hidden = permute(reshape(linear(reshape(x, Shape{T, in}), reshape(A, Shape{H * r, in})), Shape{T, H, r}),
                     {1, 0, 2});
  else
    hidden = matmul(permute(reshape(x, Shape{T, H, inner}), {1, 0, 2}), A, false, true);
  const Tensor parts = matmul(hidden * gates, B, false, true);  // (H,T,outer)
  const Tensor y = rows ? permute(parts, {1, 0, 2}) : sum(parts, {0});
  std::vector<int64> shape(x.shape().begin(), x.shape().end());
  shape.back() = out;
  return reshape(y, shape);
}

Tensor gated_weight(const Tensor& A, const Tensor& B, const Tensor& alpha, const GatedOptions& o) {
  check_units(A, B, alpha, o);
  const int64 H = A.dim(0), outer = B.dim(1), inner = A.dim(2);
  const Tensor gates = reshape(gates_of(alpha, o) * scaling_of(o), Shape{H, 1, o.r_max});
  const Tensor blocks = matmul(B * gates, A);  // (H,outer,inner)
  if (o.sliced == "rows") return reshape(blocks, Shape{H * outer, inner});
  return reshape(permute(blocks, {1, 0, 2}), Shape{outer, H * inner});
}

double update_alpha(std::vector<double>& alpha, std::vector<double>& alpha_prev,
                    std::span<const double> task_grad, int64 layers, const AlphaOptions& o) {
  const size_t n = alpha.size();
  if (alpha_prev.size() != n || task_grad.size() != n || layers < 1 || n % static_cast<size_t>(layers))
    fail<ShapeError>("ard-lora: {} alphas, {} before, {} gradients of {} layers", n, alpha_prev.size(),
                     task_grad.size(), layers);
  const size_t heads = n / static_cast<size_t>(layers);
  std::vector<double> slope(n);
  double size = 0, variation = 0;
  for (size_t i = 0; i < n; ++i) {
    size += std::abs(alpha[i]);
    slope[i] = sign_of(alpha[i]);
    const bool spatial = o.tv == "spatial";
    if (spatial && i < heads) continue;
    const double step = alpha[i] - (spatial ? alpha[i - heads] : alpha_prev[i]);
    variation += std::abs(step);
    slope[i] += o.tv_coef * sign_of(step);
    if (spatial) slope[i - heads] -= o.tv_coef * sign_of(step);
  }
  const double r0 = static_cast<double>(o.r0);
  for (size_t i = 0; i < n; ++i) {
    const double moved = alpha[i] - o.lr_alpha * (task_grad[i] + o.lam * slope[i]);
    alpha_prev[i] = std::exchange(
        alpha[i], std::clamp(moved, 1 / r0, std::max(1 / r0, static_cast<double>(o.r_max) / r0)));
  }
  return o.lam * (size + o.tv_coef * variation);
}

ArdLoraAdapter::ArdLoraAdapter(int64 in, int64 out, const ArdLoraOptions& o) : options_(o) {
  const bool rows = o.sliced == "rows";
  if ((rows ? out : in) % o.heads)
    fail<UsageError>("adapter ard-lora: {} heads do not divide the {} of a layer of {} inputs and {} outputs",
                     o.heads, rows ? "outputs" : "inputs", in, out);
  const int64 inner = rows ? in : in / o.heads, outer = rows ? out / o.heads : out;
  // As torch's Linear does with a row of A: by its inputs, not by the unit's size.
  A = parameter("lora_A", ParamKind::kWeight, {o.heads, o.r_max, inner},
                init::uniform(1 / std::sqrt(static_cast<double>(inner))));
  B = parameter("lora_B", ParamKind::kWeight, {o.heads, outer, o.r_max}, init::zeros());
  alpha = variable(Tensor::ones({o.heads}));
}

Tensor ArdLoraAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return linear(x, weight, bias) + gated_lora(x, A, B, alpha, options_);
}

Tensor ArdLoraAdapter::merged_weight(const Tensor& weight) {
  return weight + gated_weight(A, B, alpha, options_);
}

std::string ArdLoraAdapter::describe() const {
  return fmt::format("ARD-LoRA(heads={}, r0={}, r_max={})", options_.heads, options_.r0, options_.r_max);
}

int64 ArdLoraAdapter::kept_numbers() const {
  const RankGate g = rank_gate(alpha.detach(), options_);
  const int64 each = A.shape()[2] + B.shape()[1];
  int64 sum = 0;
  for (const int64 rank : g.hard_rank.span()) sum += std::min(rank, options_.r_max) * each;
  return sum;
}

}  // namespace gradus
