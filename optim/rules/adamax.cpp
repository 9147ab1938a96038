// AdaMax.
// Paper: Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 2.
//   g <- g + weight_decay*w
//   m = beta1*m + (1-beta1)*g
//   u = max(beta2*u, |g| + eps)                  (no bias correction)
//   w <- w - lr/(1-beta1^t) * m/u
// The paper has no eps; it keeps u away from 0, as in torch.optim.Adamax.
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdaMax {
  struct Options {
    double lr = 2e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the running maximum", decay_rate());
      f("eps", eps, "added to the gradient's size", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real step = real(o.lr * k.lr_scale / bias_correction(o.beta1, k.t));
    const real b2 = real(o.beta2), l2 = real(o.weight_decay), eps = real(o.eps);
    const Ema mean(o.beta1);
    for_each_element(p.data, p.grad, s("m"), s("u"), [=](real& w, real g, real& m, real& u) {
      g += l2 * w;
      m = mean(m, g);
      u = std::max(b2 * u, std::abs(g) + eps);
      w -= step * m / u;
    });
  }
};

}  // namespace

OptimizerEntry adamax() {
  return rule_entry<AdaMax>({"adamax", "Adam with the infinity norm for second moment",
                             "Kingma, Ba, ICLR 2015, arXiv 1412.6980, Algorithm 2"});
}

}  // namespace gradus::rules
