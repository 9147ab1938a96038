// ARD-LoRA: low-rank adapters whose ranks, one a head, are learned through a gate.
//
// Paper: Shinwari, Usama, "ARD-LoRA: Dynamic Rank Allocation for Parameter-Efficient Fine-Tuning of Foundation Models with
//        Heterogeneous Adaptation Needs", 2025, arXiv 2506.18267.
//   rho = r0*alpha;  gate_i = clip(rho - (i-1), 0, 1), i = 1..r_max;  dgate_i/dalpha = r0 where 0 < rho - (i-1) <= 1, else 0
//   y += s*B (gate .* (A x)) for every unit (head), s = lora_alpha/r0
//   penalty = lam*(sum |alpha| + tv_coef*TV);  TV: sum |alpha - alpha_prev| (temporal) or sum |alpha[l+1,h] - alpha[l,h]| (spatial)
//   alpha <- clip(alpha - lr_alpha*d(task loss on held-out examples + penalty)/dalpha, 1/r0, r_max/r0)
//   hard_rank = max(1, floor(rho + 1/2)): what is counted, merged and used at the end
// The paper leaves the gate, the held-out batch, the TV and all coefficients open: they are our reconstruction of it.
#pragma once

#include <span>
#include <vector>

#include "core/options.h"
#include "nn/layers/layer_adapter.h"

namespace gradus {

/// What alpha means.
struct RankGateOptions {
  int64 r0 = 4, r_max = 8;
  void visit(auto&& f) {
    f("r0", r0, "rank at alpha = 1", at_least(1));
    f("r_max", r_max, "largest rank", at_least(1));
  }
};
/// For alpha of any shape: (..., r_max), the last (...).
struct RankGate {
  Tensor gate, gate_slope, hard_gate;
  IntTensor hard_rank;
};
RankGate rank_gate(const Tensor& alpha, const RankGateOptions& options);

struct GatedOptions : RankGateOptions {
  double lora_alpha = 4;
  std::string gate_mode = "soft", sliced = "rows";
  void visit(auto&& f) {
    RankGateOptions::visit(f);
    f("lora_alpha", lora_alpha, "the product is scaled by lora_alpha/r0", positive());
    f("gate_mode", gate_mode,
      "soft; hard: the rounded rank, no gradient of alpha; straight-through: that rank, the soft gradient",
      choices({"soft", "hard", "straight-through"}));
    f("sliced", sliced, "what a head owns of the weight: rows (outputs) or columns (inputs)",
      choices({"rows", "columns"}));
  }
};
/// What the heads add. rows: x (...,n), A (H,r_max,n), B (H,d,r_max) -> (..., H*d); columns: x (..., H*d), A (H,r_max,d),
/// B (H,m,r_max) -> (..., m). alpha (H), differentiable through the gate. Throws ShapeError.
Tensor gated_lora(const Tensor& x, const Tensor& A, const Tensor& B, const Tensor& alpha,
                  const GatedOptions& options);
/// The matrix that does the same.
Tensor gated_weight(const Tensor& A, const Tensor& B, const Tensor& alpha, const GatedOptions& options);

struct AlphaOptions : RankGateOptions {
  double lr_alpha = 0.5, lam = 0.01, tv_coef = 0.1;
  std::string tv = "temporal";
  void visit_update(auto&& f) {
    f("lr_alpha", lr_alpha, "step size of alpha", at_least(0));
    f("lam", lam, "strength of the penalty", at_least(0));
    f("tv_coef", tv_coef, "of the total variation, beside the size", at_least(0));
    f("tv", tv, "against the alpha before, or between neighbouring layers", choices({"temporal", "spatial"}));
  }
  void visit(auto&& f) {
    RankGateOptions::visit(f);
    visit_update(f);
  }
};
/// One step on alpha (L,H), given the gradient of the task loss; alpha_prev becomes the alpha before it. Returns the penalty before
/// the step. Throws ShapeError, and UsageError for r_max < 1.
double update_alpha(std::vector<double>& alpha, std::vector<double>& alpha_prev,
                    std::span<const double> task_grad, int64 layers, const AlphaOptions& options);

struct ArdLoraOptions : GatedOptions {
  int64 heads = 1;
  void visit(auto&& f) {
    GatedOptions::visit(f);
    f("heads", heads, "units, each with a rank of its own; divide outputs (rows) or inputs (columns)",
      at_least(1));
  }
};

/// Parameters lora_A (H,r_max,.), lora_B (H,.,r_max). alpha is no parameter: whoever trains sets it, and asks for its gradient.
class ArdLoraAdapter : public LinearAdapter {
 public:
  ArdLoraAdapter(int64 in, int64 out, const ArdLoraOptions& options);
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override;
  const ArdLoraOptions& options() const { return options_; }
  /// Hard from now on: gates are 0 and 1, and alpha has no gradient.
  void set_gate_mode(const std::string& mode) { options_.gate_mode = mode; }
  /// Numbers of the components that hard ranks keep.
  int64 kept_numbers() const;

  ParamSlot A, B;
  Tensor alpha;  ///< (H), a variable()

 private:
  ArdLoraOptions options_;
};

}  // namespace gradus
