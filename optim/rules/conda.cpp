// Conda: Adam whose second moment is taken along the singular vectors of its first.
// Paper: Wang, Pan, Yuan et al., "Conda: Column-Normalized Adam for Training Large Language Models Faster", 2025,
//        arXiv 2509.24218.
//   m = beta1*m + (1-beta1)*g
//   in steps 1, 1+update_gap, ...: U, S, V = svd(m);   P = U where g has fewer rows than columns, else V: all of the shorter side
//   down(x) = P' x or x P;   back its opposite
//   v = beta2*v + (1-beta2)*down(g)^2
//   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t)*scale*back(down(m)/(sqrt(v) + eps));   w <- w - lr*weight_decay*w
// Tensors of other ranks than 2: Adam of the same form. v is not turned when P changes; signs of P do not matter.
#include "optim/rules/matrix_zoo.h"
#include "optim/rules/projected.h"

namespace gradus::rules {
namespace {

struct Conda {
  struct Options : MomentOptions {
    double scale = 1;
    int64 update_gap = 2000;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("update_gap", update_gap, "steps between new bases", at_least(1));
      f("scale", scale, "factor on the steps of matrices", positive());
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!is_projected(p)) return plain_adam(p, s, o, k);
    Tensor& m = s("m");
    for_each_element(m, p.grad, [mean = Ema(o.beta1)](real& x, real g) { x = mean(x, g); });
    const int64 all = std::min(p.rows(), p.cols());
    const ShortSide basis = projection_of(p, s, all, o.update_gap, k.t,
                                          [&](int64, int64 rank) { return singular_basis(m, rank); });
    const Tensor g = basis.down(p.grad);
    Tensor u = basis.down(m);
    for_each_element(u, g, s("v", g.shape()),
                     [second = Ema(o.beta2), eps = real(o.eps)](real& x, real y, real& v) {
                       v = second(v, y * y);
                       x /= std::sqrt(v) + eps;
                     });
    const double lr = o.lr * k.lr_scale;
    move_then_decay(p, basis.back(u), efficient_step(lr, o.beta1, o.beta2, k.t) * o.scale, lr,
                    o.weight_decay);
  }
};

}  // namespace

OptimizerEntry conda() {
  return rule_entry<Conda>({"conda", "Adam with its second moment along the singular vectors of its first",
                            "Wang, Pan, Yuan et al., 2025, arXiv 2509.24218", 9});
}

}  // namespace gradus::rules
