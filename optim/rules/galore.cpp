// GaLore: Adam in the space of a gradient's leading singular vectors.
// Paper: Zhao, Zhang, Chen, Wang, Anandkumar, Tian, "GaLore: Memory-Efficient LLM Training by Gradient Low-Rank
//        Projection", ICML 2024, arXiv 2403.03507.
//   in steps 1, 1+update_gap, ...: U, S, V = svd(g);   rows < columns: P = U[:, :rank], R = P' g, back(x) = P x
//                                                else:           P = V[:, :rank], R = g P,  back(x) = x P'
//   m = beta1*m + (1-beta1)*R;   v = beta2*v + (1-beta2)*R^2;   u = m/(sqrt(v) + eps)
//   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t)*scale*back(u);   w <- w - lr*weight_decay*w
// Tensors of other ranks than 2: R = g, scale = 1. Each column of P has the sign that makes its entry of largest size
// positive: m and v stay when P changes, and must not meet a basis turned round.
#include "optim/rules/matrix_zoo.h"
#include "optim/rules/projected.h"

namespace gradus::rules {
namespace {

struct GaLore {
  struct Options : ProjectedOptions {
    double scale = 0.25;
    void visit(auto&& f) {
      ProjectedOptions::visit(f);
      f("scale", scale, "factor on the steps of projected matrices", positive());
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!is_projected(p)) return plain_adam(p, s, o, k);
    const ShortSide projection = projection_of(
        p, s, o.rank, o.update_gap, k.t, [&](int64, int64 rank) { return singular_basis(p.grad, rank); });
    const Tensor u = adam_direction(s, projection.down(p.grad), o);
    const double lr = o.lr * k.lr_scale;
    move_then_decay(p, projection.back(u), efficient_step(lr, o.beta1, o.beta2, k.t) * o.scale, lr,
                    o.weight_decay);
  }
};

}  // namespace

OptimizerEntry galore() {
  return rule_entry<GaLore>({"galore", "Adam in the space of a matrix gradient's leading singular vectors",
                             "Zhao et al., ICML 2024, arXiv 2403.03507", 2});
}

}  // namespace gradus::rules
