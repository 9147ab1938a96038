// Adam.
// Paper: Kingma, Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, arXiv 1412.6980, Algorithm 1.
//   m = beta1*m + (1-beta1)*g                                        mean of the gradient
//   v = beta2*v + (1-beta2)*g^2                                      mean of its square
//   w <- w - lr * mhat/(sqrt(vhat) + eps)                            mhat = m/(1-beta1^t),  vhat = v/(1-beta2^t)
// The other options change these lines: weight decay, AMSGrad and further forms are adam_forms.cpp's.
#include "optim/rules/adam.h"

#include "optim/rules/rules.h"

namespace gradus::rules {
namespace {

struct Adam {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    AdamForms forms;  // by default none
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the bias-corrected root", epsilon());
      forms.visit(f);
    }
  };
  static void check(const Options& o) { o.forms.check(); }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (o.forms.any()) return adam_update(p, s, {o.lr, o.beta1, o.beta2, o.eps, o.forms}, k);
    const Ema first(o.beta1), second(o.beta2);
    const real step = real(o.lr * k.lr_scale / bias_correction(o.beta1, k.t));
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      w -= step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry adam() {
  return rule_entry<Adam>({"adam", "bias-corrected mean over root mean square of the gradient",
                           "Kingma, Ba, ICLR 2015, arXiv 1412.6980"});
}

}  // namespace gradus::rules
