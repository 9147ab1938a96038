// LookSAM: SAM's second gradient every k steps, and what it added to the first in between.
// Paper: Liu, Mai, Chen, Hsieh, You, "Towards Efficient and Scalable Sharpness-Aware Minimization", CVPR 2022, arXiv
//        2203.02714.
//   g = grad L(w)
//   steps 1, 1+k, ...:  G = s = grad L(w + rho*g/(||g|| + 1e-12));   v = s - <g,s>/||g||^2*g
//   other steps:        G = g + alpha*||g||/(||v|| + 1e-8)*v            all tensors one vector
// The rule inside steps from w with G. Departure: common code takes the norms of each tensor.
#include <cmath>

#include "optim/rules/objective_rules.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct LookSam {
  struct Options {
    double rho = 0.05, alpha = 0.7;
    int64 k = 5;
    void visit(auto&& f) {
      f("rho", rho, "radius of the neighbourhood", at_least(0));
      f("k", k, "steps between two evaluations nearby", at_least(1));
      f("alpha", alpha, "length of the remembered part, in gradients", at_least(0));
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    const std::vector<Tensor>& g = near.gradients();
    if ((near.info.step - 1) % o.k == 0) {
      std::vector<Tensor> s = near.gradients_towards(g, o.rho);
      const double square = dot(g, g);
      const real along = real(square > 0 ? dot(g, s) / square : 0);
      for (size_t i = 0; near.first && i < near.size(); ++i)
        for_each_element(near.state(i)("v"), std::as_const(s[i]), g[i],
                         [=](real& v, real x, real y) { v = x - along * y; });
      return s;
    }
    double square = 0;
    for (size_t i = 0; i < near.size(); ++i) square += sum_of_squares(near.state(i)("v"));
    const real weight = real(o.alpha * near.gradient_norm() / (std::sqrt(square) + 1e-8));
    std::vector<Tensor> out;
    for (size_t i = 0; i < near.size(); ++i) {
      out.push_back(g[i].clone());
      for_each_element(out.back(), std::as_const(near.state(i)("v")),
                       [=](real& x, real v) { x += weight * v; });
    }
    return out;
  }
};

}  // namespace

OptimizerEntry looksam() {
  return refine_entry<LookSam>({"looksam", "SAM with a second gradient every few steps only",
                                "Liu, Mai, Chen, Hsieh, You, CVPR 2022, arXiv 2203.02714", 2});
}

}  // namespace gradus::rules
