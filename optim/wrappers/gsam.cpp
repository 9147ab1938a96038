// GSAM: SAM's gradient, and a descent on the gap between the loss nearby and here.
// Paper: Zhuang, Gong, Yuan, Cui, Adam, Dvornek, Tatikonda, Duncan, Liu, "Surrogate Gap Minimization Improves
//        Sharpness-Aware Training", ICLR 2022, arXiv 2203.08065.
//   rho_t = rho, or rho_min + (rho - rho_min)*lr_scale
//   g = grad L(w);   s = grad L(w + rho_t*g/(||g|| + 1e-12));   c = <g,s>/(||g||*||s|| + 1e-12)
//   G = s - alpha*(g - c*||g||*s/(||s|| + 1e-12))                       all tensors one vector
// The rule inside steps from w with G: along s, and against the part of g that is orthogonal to s.
#include <optional>

#include "optim/rules/objective_rules.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct Gsam {
  struct Options {
    double rho = 0.05, alpha = 0.4;
    std::optional<double> rho_min;
    void visit(auto&& f) {
      f("rho", rho, "radius of the neighbourhood", at_least(0));
      f("rho_min", rho_min, "radius at a schedule's zero; none: rho does not follow the schedule",
        at_least(0));
      f("alpha", alpha, "weight of the surrogate gap", at_least(0));
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    const double rho = o.rho_min ? *o.rho_min + (o.rho - *o.rho_min) * near.info.lr_scale : o.rho;
    const std::vector<Tensor>& g = near.gradients();
    std::vector<Tensor> out = near.gradients_towards(g, rho);
    const double ng = norm(g), ns = norm(out), c = dot(g, out) / (ng * ns + 1e-12);
    const real along = real(1 + o.alpha * c * ng / (ns + 1e-12)), against = real(o.alpha);
    for (size_t i = 0; i < out.size(); ++i) {
      Tensor s = out[i].clone();
      for_each_element(s, g[i], [=](real& x, real y) { x = along * x - against * y; });
      out[i] = s;
    }
    return out;
  }
};

}  // namespace

OptimizerEntry gsam() {
  return refine_entry<Gsam>({"gsam", "SAM that also closes the gap between the loss nearby and here",
                             "Zhuang et al., ICLR 2022, arXiv 2203.08065", 4});
}

}  // namespace gradus::rules
