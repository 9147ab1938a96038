// AdamP.
// Paper: Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha, "AdamP: Slowing Down the Slowdown for Momentum Optimizers on
//        Scale-invariant Weights", ICLR 2021, arXiv 2006.08217, Algorithm 2.
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   d = m/(sqrt(v/(1-beta2^t)) + eps), nesterov: (beta1*m + (1-beta1)*g) over the same
//   (d, ratio) = projection of d, see vocabulary/projection.h
//   w <- w - lr*weight_decay*ratio*w - lr/(1-beta1^t)*d
#include "optim/rules/rules.h"
#include "optim/vocabulary/projection.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdamP {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    Projection projection;
    bool nesterov = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the bias-corrected root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      projection.visit(f);
      f("nesterov", nesterov, "look ahead by one momentum step");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    const bool nesterov = o.nesterov;
    Tensor d(p.data.shape());
    for_each_element(d, p.grad, s("m"), s("v"), [=](real& x, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      x = (nesterov ? first(m, g) : m) / (std::sqrt(v) * root + eps);
    });
    const double ratio = o.projection.apply(p, d, o.eps);
    const real keep = Decay::decoupled(o.weight_decay * ratio, lr).keep;
    const real step = real(lr / bias_correction(o.beta1, k.t));
    for_each_element(p.data, std::as_const(d), [=](real& w, real x) { w = keep * w - step * x; });
  }
};

}  // namespace

OptimizerEntry adamp() {
  return rule_entry<AdamP>({"adamp", "Adam without growth of scale-invariant weights",
                            "Heo et al., ICLR 2021, arXiv 2006.08217", 4});
}

}  // namespace gradus::rules
