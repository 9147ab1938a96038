// WSAM: sharpness as a weighted regulariser of the loss.
// Paper: Yue, Jiang, Ye, Gao, Liu, Zhang, "Sharpness-Aware Minimization Revisited: Weighted Sharpness as a Regularization
//        Term", KDD 2023, arXiv 2305.15817.
//   g = grad L(w);   s = grad L(w + rho*g/(||g|| + 1e-12));   a = gamma/(1-gamma)         all tensors one vector
//   decouple:  the rule inside steps with g;  then w <- w - lr*a*(s - g), lr the scheduled step size of that rule
//   else:      the rule inside steps with a*s + (1-a)*g
#include "optim/rules/objective_rules.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct Wsam {
  struct Options {
    double rho = 0.05, gamma = 0.9;
    bool decouple = true;
    void visit(auto&& f) {
      f("rho", rho, "radius of the neighbourhood", at_least(0));
      f("gamma", gamma, "weight of sharpness: gamma/(1-gamma)", decay_rate());
      f("decouple", decouple, "leave the sharpness term out of the rule inside");
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    const std::vector<Tensor>& g = near.gradients();
    if (o.decouple && !near.first) return g;
    const real a = real(o.gamma / (1 - o.gamma));
    std::vector<Tensor> sharp;  // a*(s - g)
    for (const Tensor& s : near.gradients_towards(g, o.rho)) {
      sharp.push_back(s.clone());
      for_each_element(sharp.back(), g[sharp.size() - 1], [=](real& x, real y) { x = a * (x - y); });
    }
    if (o.decouple) {
      near.kept = sharp;
      return g;
    }
    for (size_t i = 0; i < near.size(); ++i)
      for_each_element(sharp[i], g[i], [](real& x, real y) { x += y; });
    return sharp;
  }

  static void after(Neighbourhood<Options>& near, const Optimizer& inner) {
    for (size_t i = 0; i < near.kept.size(); ++i) {
      const double lr = inner.option(near.parameter(i), "lr").value_or(1) * near.info.lr_scale;
      Tensor value = near.parameter(i).value.detach();
      for_each_element(value, std::as_const(near.kept[i]), [c = real(lr)](real& w, real x) { w -= c * x; });
    }
  }
};

}  // namespace

OptimizerEntry wsam() {
  return refine_entry<Wsam>({"wsam", "SAM with sharpness as a weighted, decoupled term",
                             "Yue, Jiang, Ye, Gao, Liu, Zhang, KDD 2023, arXiv 2305.15817", 4});
}

}  // namespace gradus::rules
