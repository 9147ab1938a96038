// SAM: the gradient at a point uphill.
// Papers: Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization", ICLR 2021, arXiv 2010.01412; the
//         unnormalised form is the one analysed by Agarwala, Dauphin, "SAM operates far from home", ICML 2023,
//         arXiv 2302.08692; the adaptive form is Kwon, Kim, Park, Choi, "ASAM", ICML 2021, arXiv 2102.11600.
//   g = grad L(w)
//   G = grad L(w + rho*g/(||g|| + 1e-12))      unnormalised: grad L(w + rho*g)       all tensors one vector
//   adaptive: e = |w|*g;  G = grad L(w + rho*|w|*e/(||e|| + 1e-12))
// Both gradients on one batch; the rule inside steps from w with G.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct Sam {
  struct Options {
    double rho = 0.05;
    bool normalized = true, adaptive = false;
    void visit(auto&& f) {
      f("rho", rho, "radius of the neighbourhood", at_least(0));
      f("normalized", normalized, "divide the ascent step by its norm");
      f("adaptive", adaptive, "radius relative to each weight (ASAM)");
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    std::vector<Tensor> ascent;
    double square = 0;
    for (size_t i = 0; i < near.size(); ++i) {
      Tensor e = o.adaptive ? near.gradient(i).clone() : near.gradient(i);
      if (o.adaptive) for_each_element(e, near.weights(i), [](real& x, real w) { x *= std::abs(w); });
      square += sum_of_squares(e);
      if (o.adaptive) for_each_element(e, near.weights(i), [](real& x, real w) { x *= std::abs(w); });
      ascent.push_back(e);
    }
    return near.gradients_at(ascent, o.normalized ? o.rho / (std::sqrt(square) + 1e-12) : o.rho);
  }
};

}  // namespace

OptimizerEntry sam() {
  return refine_entry<Sam>(
      {"sam", "steps with the gradient at the worst point nearby",
       "Foret et al., ICLR 2021, arXiv 2010.01412; Agarwala, Dauphin, ICML 2023, arXiv 2302.08692", 2});
}

}  // namespace gradus::rules
