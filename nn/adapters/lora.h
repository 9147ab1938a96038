// LoRA: a frozen weight plus a trained product of two thin matrices; and DoRA, which trains the length of each row apart.
//
// Papers: Hu, Shen, Wallis, et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv 2106.09685;
//         Kalajdzievski, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA", 2023, arXiv 2312.03732 (rslora);
//         Liu, Wang, Yin, et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", ICML 2024, arXiv 2402.09353.
//   W = W0 + s*B*A,   A (r,n) at random, B (m,r) = 0,   s = alpha/r, with rslora alpha/sqrt(r)
//   y = x W0' + bias + s*(drop(x) A') B'
//   DoRA: V = W0 + s*B*A,  nu_i = ||row i of V||,  W_i = magnitude_i*V_i/nu_i,  y = x W' + bias
// DoRA's nu is a constant of the gradient (section 4.3), exact with detach_norm = false.
#pragma once

#include "core/options.h"
#include "nn/layers/layer_adapter.h"

namespace gradus {

/// s. Throws UsageError for r < 1.
double lora_scaling(double alpha, int64 r, bool use_rslora);

// All throw ShapeError for matrices that do not fit. x (..., n); bias may be undefined.
/// x W0' + bias + s*(x A') B', at the cost of thin products beside that of W0.
Tensor lora_linear(const Tensor& x, const Tensor& W0, const Tensor& bias, const Tensor& A, const Tensor& B,
                   double s);
/// W0 + s*B*A.
Tensor lora_weight(const Tensor& W0, const Tensor& A, const Tensor& B, double s);
/// W of DoRA; magnitude (m).
Tensor dora_weight(const Tensor& W0, const Tensor& A, const Tensor& B, const Tensor& magnitude, double s,
                   bool detach_norm = true);
/// Norms of the rows of a matrix, (m): DoRA's magnitude at the start.
Tensor row_norms(const Tensor& W);

struct LoraOptions {
  int64 rank = 8;
  double alpha = 16, dropout = 0;
  std::string scaling = "standard";
  void visit(auto&& f) {
    f("rank", rank, "rows of A and columns of B", at_least(1));
    f("alpha", alpha, "the product is scaled by alpha/rank", positive());
    f("scaling", scaling, "standard: alpha/rank; rslora: alpha/sqrt(rank)", choices({"standard", "rslora"}));
    f("dropout", dropout, "of what the product reads, while training", decay_rate());
  }
  bool use_rslora() const { return scaling == "rslora"; }
  double s() const { return lora_scaling(alpha, rank, use_rslora()); }
  std::string describe() const;
};

/// Parameters lora_A (r,n), uniform as torch's Linear, and lora_B (m,r), zeros.
class LoraAdapter : public LinearAdapter {
 public:
  LoraAdapter(int64 in, int64 out, const LoraOptions& options);
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override;
  int64 flops(const Shape& input, const Shape& output) const override;
  const LoraOptions& options() const { return options_; }

  ParamSlot A, B;

 private:
  LoraOptions options_;
};

struct DoraOptions : LoraOptions {
  bool detach_norm = true;
  void visit(auto&& f) {
    LoraOptions::visit(f);
    f("detach_norm", detach_norm, "row norms are constants of the gradient");
  }
};

/// With lora_magnitude_vector (m), the row norms of the layer's weight: starts_from() is to be called once it is known.
class DoraAdapter : public LoraAdapter {
 public:
  DoraAdapter(int64 in, int64 out, const DoraOptions& options);
  void starts_from(const Tensor& weight) override;
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override;

  ParamSlot magnitude;

 private:
  bool detach_norm_;
};

}  // namespace gradus
