// Gradient regularization: the gradient of L + gamma/2*||grad L||^2.
// Paper: Karakida, Takase, Hayase, Osawa, "Understanding Gradient Regularization in Deep Learning: Efficient
//        Finite-Difference Computation and Implicit Bias", ICML 2023.
//   forward:         dR = (grad L(w + eps*g) - g)/eps                   g = grad L(w), all tensors one vector
//   backward:        dR = (g - grad L(w - eps*g))/eps
//   central:         dR = (grad L(w + eps*g) - grad L(w - eps*g))/(2*eps)
//   double-backprop: dR = H g
//   G = g + gamma*dR
// Both gradients on one batch; the ascent step is not normalised; the rule inside steps from w with G.
#include "optim/rules/families.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct GradientRegularization {
  struct Options {
    double gamma = 0.01, eps = 0.05;
    std::string mode = "forward";
    void visit(auto&& f) {
      f("gamma", gamma, "weight of the penalty 1/2*||grad L||^2", at_least(0));
      f("eps", eps, "length of the finite difference, in gradients", positive());
      f("mode", mode, "how the penalty's gradient is found",
        choices({"forward", "backward", "central", "double-backprop"}));
    }
  };
  static Needs needs(const Options& o) {
    const bool exact = o.mode == "double-backprop";
    return {.re_evaluation = !exact, .hvp = exact};
  }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    std::vector<Tensor> g;
    for (size_t i = 0; i < near.size(); ++i) g.push_back(near.gradient(i));
    // dR = (above - below) * scale
    std::vector<Tensor> above = g, below = g;
    real scale = static_cast<real>(1 / o.eps);
    if (o.mode == "double-backprop") {
      above = near.hessian_times(g);
      scale = 1;
      for (Tensor& t : below) t = Tensor::zeros(t.shape());
    } else {
      if (o.mode != "backward") above = near.gradients_at(g, o.eps);
      if (o.mode != "forward") below = near.gradients_at(g, -o.eps);
      if (o.mode == "central") scale /= 2;
    }
    std::vector<Tensor> out;
    for (size_t i = 0; i < near.size(); ++i) {
      Tensor total(g[i].shape());
      const Tensor &base = g[i], &high = above[i], &low = below[i];
      const real weight = static_cast<real>(o.gamma) * scale;
      const real *from = base.data(), *up = high.data(), *down = low.data();  // may be one storage
      real* to = total.mutable_data();
      for (int64 j = 0; j < total.numel(); ++j) to[j] = from[j] + weight * (up[j] - down[j]);
      out.push_back(total);
    }
    return out;
  }
};

}  // namespace

OptimizerEntry gradient_regularization() {
  return refine_entry<GradientRegularization>({"gradient-regularization",
                                               "penalises the norm of the gradient",
                                               "Karakida, Takase, Hayase, Osawa, ICML 2023", 3});
}

}  // namespace gradus::rules
