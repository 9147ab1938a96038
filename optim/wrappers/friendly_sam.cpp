// Friendly-SAM: the ascent goes along the noise of the batch, not along the gradient of all data.
// Paper: Li, Zhou, He, Cheng, Huang, "Friendly Sharpness-Aware Minimization", CVPR 2024, arXiv 2403.12350.
//   step 1:  d = g,  m = g
//   later:   d = g - sigma*m (the m before),   m = lmbda*m + (1-lmbda)*g
//   G = grad L(w + rho*d/(||d|| + 1e-12))                               all tensors one vector
// The rule inside steps from w with G. Some public code averages the gradient that has been changed already into m.
#include "optim/rules/objective_rules.h"
#include "optim/vocabulary/words.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct FriendlySam {
  struct Options {
    double rho = 0.05, sigma = 1, lmbda = 0.9;
    void visit(auto&& f) {
      f("rho", rho, "radius of the neighbourhood", at_least(0));
      f("sigma", sigma, "share of the mean gradient that is taken out of the ascent", at_least(0));
      f("lmbda", lmbda, "decay of the mean gradient", decay_rate());
    }
  };
  static Needs needs(const Options&) { return {.re_evaluation = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    std::vector<Tensor> d;
    for (size_t i = 0; i < near.size(); ++i) {
      d.push_back(near.gradient(i).clone());
      if (const Tensor* m = near.state(i).find("m"))
        for_each_element(d.back(), *m, [c = real(o.sigma)](real& x, real mean) { x -= c * mean; });
    }
    std::vector<Tensor> found = near.gradients_towards(d, o.rho);
    for (size_t i = 0; near.first && i < near.size(); ++i)
      for_each_element(near.state(i).starting_at("m", near.gradient(i)), near.gradient(i),
                       [mean = Ema(o.lmbda)](real& m, real g) { m = mean(m, g); });
    return found;
  }
};

}  // namespace

OptimizerEntry friendly_sam() {
  return refine_entry<FriendlySam>({"friendly-sam", "SAM whose ascent follows the batch's noise alone",
                                    "Li, Zhou, He, Cheng, Huang, CVPR 2024, arXiv 2403.12350", 3});
}

}  // namespace gradus::rules
