// AMP: adversarial model perturbation.
// Paper: Zheng, Zhang, Mao, "Regularizing Neural Networks via Adversarial Model Perturbation", CVPR 2021, arXiv
//        2010.04925.
//   delta = 0;  g = grad L(w)
//   inner_iter times:  delta <- delta + inner_lr*g, cut to ||delta|| <= epsilon;  g = grad L(w + delta)
//   the rule inside steps from w with the last g
// The ball is per tensor, as in the published code; global_ball is the paper's, all tensors one vector.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct Amp {
  struct Options {
    double epsilon = 0.1, inner_lr = 1;
    int64 inner_iter = 1;
    bool global_ball = false;
    void visit(auto&& f) {
      f("epsilon", epsilon, "radius of the ball around the weights", at_least(0));
      f("inner_lr", inner_lr, "step size of the ascent", positive());
      f("inner_iter", inner_iter, "ascent steps", at_least(1));
      f("global_ball", global_ball, "one ball for all tensors together (the paper's text)");
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    std::vector<Tensor> delta, g;
    for (size_t i = 0; i < near.size(); ++i) {
      delta.push_back(Tensor::zeros(near.gradient(i).shape()));
      g.push_back(near.gradient(i));
    }
    for (int64 k = 0; k < o.inner_iter; ++k) {
      std::vector<double> squares;
      double total = 0;
      for (size_t i = 0; i < near.size(); ++i) {
        const Tensor& up = g[i];
        for_each_element(delta[i], up, [z = static_cast<real>(o.inner_lr)](real& d, real x) { d += z * x; });
        squares.push_back(sum_of_squares(delta[i]));
        total += squares.back();
      }
      for (size_t i = 0; i < near.size(); ++i) {
        const double factor = o.epsilon / (std::sqrt(o.global_ball ? total : squares[i]) + 1e-12);
        if (factor < 1) for_each_element(delta[i], [f = static_cast<real>(factor)](real& d) { d *= f; });
      }
      g = near.gradients_at(delta);
    }
    return g;
  }
};

}  // namespace

OptimizerEntry amp() {
  return refine_entry<Amp>({"amp", "steps with the gradient at the worst point of a ball around the weights",
                            "Zheng, Zhang, Mao, CVPR 2021, arXiv 2010.04925", 4});
}

}  // namespace gradus::rules
