// ALLoRA: LoRA without scaling and dropout whose gradients are scaled row by row, large where the product is still small.
//
// Paper: Huang, Balestriero, "ALLoRA: Adaptive Learning Rate Mitigates LoRA Fatal Flaws", 2024, arXiv 2410.09692, section 4.2.
//   y = x W0' + bias + (x A') B'
//   nu_i = ||row i of B A||,   scale_i = 1/sqrt(nu_i + 1/eta^2)  (sqrt)  or  1/(nu_i + 1/eta)  (linear)
//   with delta = dL/dy, delta' = delta .* scale:   dB = delta'' (x A'),  dA = (delta' B)' x,  dx = delta W0 + (delta B) A
// scale is a constant of the backward pass and never enters dx; with scale_on = B the gradient of A is not scaled.
// Departure: the paper's variant by the norm of the layer's output is left out.
#pragma once

#include "core/options.h"
#include "nn/layers/layer_adapter.h"

namespace gradus {

struct AlloraScale {
  double eta = 2;
  std::string scale_form = "sqrt";
  void visit(auto&& f) {
    f("eta", eta, "factor on the gradients of a row that is still zero", positive());
    f("scale_form", scale_form, "1/sqrt(norm + 1/eta^2) or 1/(norm + 1/eta)", choices({"sqrt", "linear"}));
  }
};
struct AlloraGradient : AlloraScale {
  std::string scale_on = "both";
  void visit(auto&& f) {
    AlloraScale::visit(f);
    f("scale_on", scale_on, "whose gradients are scaled: those of A and B, or of B alone",
      choices({"both", "B"}));
  }
};
struct AlloraOptions : AlloraGradient {
  int64 rank = 8;
  void visit(auto&& f) {
    f("rank", rank, "rows of A and columns of B", at_least(1));
    AlloraGradient::visit(f);
  }
};

/// nu and scale, both (m), without derivative information.
struct RowScale {
  Tensor row_norms, scales;
};
RowScale allora_row_scale(const Tensor& A, const Tensor& B, const AlloraScale& options);
/// y; its derivatives are those above. x (..., n), A (r,n), B (m,r), bias (m) or undefined.
Tensor allora_linear(const Tensor& x, const Tensor& W0, const Tensor& bias, const Tensor& A, const Tensor& B,
                     const AlloraGradient& options);

/// Parameters lora_A (r,n), uniform as torch's Linear, and lora_B (m,r), zeros.
class AlloraAdapter : public LinearAdapter {
 public:
  AlloraAdapter(int64 in, int64 out, const AlloraOptions& options);
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override;

  ParamSlot A, B;

 private:
  AlloraOptions options_;
};

}  // namespace gradus
