#include "nn/adapters/allora.h"

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "core/linalg.h"
#include "nn/adapters/lora.h"

namespace gradus {

RowScale allora_row_scale(const Tensor& A, const Tensor& B, const AlloraScale& o) {
  if (A.rank() != 2 || B.rank() != 2 || A.dim(0) != B.dim(1))
    fail<ShapeError>("allora: factors A {} and B {} do not fit", A.shape().str(), B.shape().str());
  // nu_i^2 = B_i (A A') B_i': the product itself is never made.
  const Tensor b = B.detach(),
               through = linalg::matmul(b, linalg::matmul(A.detach(), A.detach(), false, true));
  const int64 m = b.dim(0), r = b.dim(1);
  RowScale out{Tensor({m}), Tensor({m})};
  real *nu = out.row_norms.mutable_data(), *scale = out.scales.mutable_data();
  for (int64 i = 0; i < m; ++i) {
    double square = 0;
    for (int64 j = 0; j < r; ++j)
      square += static_cast<double>(b.data()[i * r + j]) * static_cast<double>(through.data()[i * r + j]);
    const double norm = std::sqrt(std::max(square, 0.0));
    nu[i] = static_cast<real>(norm);
    scale[i] = static_cast<real>(o.scale_form == "sqrt" ? 1 / std::sqrt(norm + 1 / (o.eta * o.eta))
                                                        : 1 / (norm + 1 / o.eta));
  }
  return out;
}

Tensor allora_linear(const Tensor& x, const Tensor& W0, const Tensor& bias, const Tensor& A, const Tensor& B,
                     const AlloraGradient& o) {
  if (!recording()) return lora_linear(x, W0, bias, A, B, 1);
  const Tensor scales = allora_row_scale(A, B, o).scales;
  const Tensor hidden = linear(x.detach(), A);  // (..., r)
  // The value is (x A') B'; each path of the derivative has a term of its own, the rest of which is constant.
  const Tensor to_x = linear(linear(x, A.detach()), B.detach());
  const Tensor to_factors = o.scale_on == "both"
                                ? linear(hidden, B) * scales
                                : linear(hidden.detach(), B) * scales + linear(hidden, B.detach());
  return linear(x, W0, bias) + straight_through(to_x.detach(), to_x + to_factors);
}

AlloraAdapter::AlloraAdapter(int64 in, int64 out, const AlloraOptions& options) : options_(options) {
  A = parameter("lora_A", ParamKind::kWeight, {options.rank, in}, init::torch_weight());
  B = parameter("lora_B", ParamKind::kWeight, {out, options.rank}, init::zeros());
}

Tensor AlloraAdapter::output(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return allora_linear(x, weight, bias, A, B, options_);
}

Tensor AlloraAdapter::merged_weight(const Tensor& weight) { return lora_weight(weight, A, B, 1); }

std::string AlloraAdapter::describe() const {
  return fmt::format("ALLoRA(rank={}, eta={:g})", options_.rank, options_.eta);
}

}  // namespace gradus
