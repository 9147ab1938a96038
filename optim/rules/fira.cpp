// Fira: GaLore with the part of the gradient that the projection leaves out, scaled like the part inside.
// Paper: Chen, Feng, Li, Zhang, Liu, Wang, "Fira: Can We Achieve Full-rank Training of LLMs Under Low-rank Constraint?",
//        2024, arXiv 2410.01623.
//   P, R, u, back as in galore.cpp
//   f_j = ||u_j||/(||R_j|| + 1e-8)       of column j of R and u where g has fewer rows than columns, else of row j
//   E = (g - alpha*back(R))*f            columns (rows) of g
//   limiter: E = E/(max(||E||/(N + 1e-8), 1.01)/1.01) from step 2 on;   N = ||E||
//   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t)*(alpha*back(u) + E);   w <- w - lr*weight_decay*w
// alpha multiplies both projections, as in the authors' code. Tensors of other ranks than 2: R = g, E = 0, alpha = 1.
// Departure: N = 0 (no gradient so far) limits nothing; it would throttle all later steps.
#include "optim/rules/matrix_zoo.h"
#include "optim/rules/projected.h"

namespace gradus::rules {
namespace {

struct Fira {
  struct Options : ProjectedOptions {
    double alpha = 0.25;
    void visit(auto&& f) {
      ProjectedOptions::visit(f);
      f("alpha", alpha, "factor on what is projected back", positive());
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!is_projected(p)) return plain_adam(p, s, o, k);
    const ShortSide projection = projection_of(
        p, s, o.rank, o.update_gap, k.t, [&](int64, int64 rank) { return singular_basis(p.grad, rank); });
    const Tensor low = projection.down(p.grad), u = adam_direction(s, low, o), inside = projection.back(low);
    const real alpha = real(o.alpha);
    Tensor rest = p.grad.clone();
    for_each_element(rest, inside, [=](real& e, real x) { e -= alpha * x; });
    projection.scale_channels(rest, projection.channel_ratios(u, low));
    limit_growth(rest, s);
    const Tensor direction = projection.back(u);
    for_each_element(rest, direction, [=](real& e, real x) { e += alpha * x; });
    const double lr = o.lr * k.lr_scale;
    move_then_decay(p, rest, efficient_step(lr, o.beta1, o.beta2, k.t), lr, o.weight_decay);
  }
};

}  // namespace

OptimizerEntry fira() {
  return rule_entry<Fira>({"fira", "GaLore that also steps along what its projection leaves out",
                           "Chen, Feng, Li, Zhang, Liu, Wang, 2024, arXiv 2410.01623", 14});
}

}  // namespace gradus::rules
