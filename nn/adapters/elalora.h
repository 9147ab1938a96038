// ElaLoRA: ranks that move between adapters while they train, the total staying the same.
//
// Paper: Chang, Ma, Ma, Qi, Sabot, Jiang, Kung, "ElaLoRA: Elastic & Learnable Low-Rank Adaptation for Efficient Model Fine-Tuning",
//        2025, arXiv 2504.00254.
//   W = W0 + s*B*diag(E)*A,  A (r,n), B (m,r) ~ N(0, 0.02^2), E (r) = 0,  s = lora_alpha/(r0 + 1e-5), r0 the first rank for good
//   loss + reg_orth_coef * mean over all A and B of ||A A' - I||, ||B' B - I||   (norms not squared)
//   after each step, of A, E and B:  I = |w .* grad|;  Ibar = beta1*Ibar + (1-beta1)*I;  U = beta2*U + (1-beta2)*|I - Ibar|
//   S_j = q(E)_j + mean of row j of q(A) + mean of column j of q(B),  q = Ibar .* U
//   p = clip((step - init_warmup)/(total_steps - final_warmup - init_warmup), 0, 1);  moves = round(b*(1 - p^3)), halves to even
//   every mask_interval steps between the warm-ups each adapter offers its min(k, r-1) components of smallest S; of all offers the
//   `moves` smallest are deleted, and the adapters of the `moves` largest get one component more each:
//   a = z - A'(A z), a/(||a|| + 1e-6) a new row of A, likewise a column of B, E = min(min |E|, 1e-13), Ibar = U = 0
// Departures: fewer offers than moves are no error; of tied scores exactly `moves` go.
#pragma once

#include <functional>
#include <vector>

#include "core/options.h"
#include "nn/layers/layer_adapter.h"

namespace gradus {

/// Ibar and U of one tensor.
class Importance {
 public:
  explicit Importance(const Shape& shape) : mean(Tensor::zeros(shape)), uncertainty(Tensor::zeros(shape)) {}
  /// Throws ShapeError.
  void update(const Tensor& w, const Tensor& grad, double beta1, double beta2);
  Tensor mean, uncertainty;
};
/// S (r) of importances of A (r,n), E (r), B (m,r). Throws ShapeError.
std::vector<double> component_scores(const Importance& A, const Importance& E, const Importance& B);

struct MovesSchedule {
  int64 b = 4, init_warmup = 200, final_warmup = 400, total_steps = 1600, mask_interval = 50;
  bool enable_scheduler = true;
  void visit(auto&& f) {
    f("b", b, "components moved a round at first", at_least(0));
    f("init_warmup", init_warmup, "steps before ranks move", at_least(0));
    f("final_warmup", final_warmup, "steps at the end in which they no longer do", at_least(0));
    f("total_steps", total_steps, "of the training", at_least(0));
    f("mask_interval", mask_interval, "steps from round to round", at_least(1));
    f("enable_scheduler", enable_scheduler, "fewer components are moved as training goes on");
  }
  int64 moves(int64 step) const;
  bool reallocate(int64 step) const;
};

/// Which components (matrix after matrix) go, and which matrices get one more, both ascending; and the ranks then. `scores`: one
/// list a matrix. Throws UsageError for an empty one.
struct ComponentMoves {
  std::vector<int64> pruned, expanded, new_ranks;
};
ComponentMoves select_components(const std::vector<std::vector<double>>& scores, int64 k, int64 moves);

/// reg_orth_coef/(2 M) times the sum of norms; A and B have M entries each. Throws UsageError for none.
Tensor orthogonality_penalty(const std::vector<Tensor>& A, const std::vector<Tensor>& B,
                             double reg_orth_coef);

/// What one round does to an adapter: its components that stay, in order, and how many new ones come behind them.
struct ComponentMap {
  std::vector<int64> kept;
  int64 added = 0;
};
/// Of adapters of these ranks.
std::vector<ComponentMap> component_maps(const std::vector<int64>& ranks, const ComponentMoves& moves);
/// What is kept beside a factor, element by element (moments of an optimizer), as the components move: entries of those that stay go
/// along, those of new ones are 0. axis: that of the components, 0 of A and E, 1 of B. Throws ShapeError.
Tensor carried_along(const Tensor& state, int axis, const ComponentMap& map);

/// The three factors of an adapter, with their importances. Tensors are replaced as ranks move.
struct ElasticFactors {
  Tensor A, E, B;
  Importance of_A, of_E, of_B;
  ElasticFactors(Tensor a, Tensor e, Tensor b);
  int64 rank() const { return E.numel(); }
  std::vector<double> scores() const { return component_scores(of_A, of_E, of_B); }
  /// Keeps these components, in order.
  void keep(const std::vector<int64>& components);
  /// One component more, from the draws z (n) and z' (m).
  void expand(const Tensor& noise_A, const Tensor& noise_B);
};
/// One round on all of them: `noise(j)` gives the draws (n) and (m) for matrix j.
void move_components(std::vector<ElasticFactors>& all, const ComponentMoves& moves,
                     const std::function<std::pair<Tensor, Tensor>(size_t j)>& noise);

/// s*B*diag(E)*A, and what it adds to a layer that reads x.
Tensor elastic_weight(const Tensor& A, const Tensor& E, const Tensor& B, double s);
Tensor elastic_linear(const Tensor& x, const Tensor& A, const Tensor& E, const Tensor& B, double s);

struct ElaloraOptions {
  int64 rank = 4;
  double lora_alpha = 16;
  void visit(auto&& f) {
    f("rank", rank, "at first", at_least(1));
    f("lora_alpha", lora_alpha, "the product is scaled by lora_alpha/rank", positive());
  }
  double s() const { return lora_alpha / (static_cast<double>(rank) + 1e-5); }
};

/// Parameters lora_A (r,n), lora_E (r), lora_B (m,r).
class ElaloraAdapter : public LinearAdapter {
 public:
  ElaloraAdapter(int64 in, int64 out, const ElaloraOptions& options);
  Tensor output(const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  Tensor merged_weight(const Tensor& weight) override;
  std::string describe() const override;
  /// Other factors, of another rank, take the place of the parameters' values; whoever holds an optimizer remakes its state.
  void replace(const ElasticFactors& factors);

  ParamSlot A, E, B;

 private:
  ElaloraOptions options_;
};

}  // namespace gradus
