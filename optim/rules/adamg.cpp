// AdamG: Adam without a step size to set.
// Paper: Pan, Yu and others, "Towards Stability of Parameter-free Optimization", 2024, arXiv 2405.04376.
//   lr = min(lr, 1/sqrt(t)) from here on
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   v = beta2*v + (1-beta2)*g^2;   r = beta3*r + (1-beta3)*p*v^q;   m = beta1*m + (1-beta1)*r*g
//   w <- w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/powers.h"

namespace gradus::rules {
namespace {

struct AdamG {
  struct Options : MomentOptions {
    double beta3 = 0.95, p = 0.2, q = 0.24;
    bool decoupled = false;
    Options() { lr = 1, beta1 = 0.95; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("beta3", beta3, "decay of the numerator's factor", decay_rate());
      f("p", p, "factor of p*v^q", positive());
      f("q", q, "power of p*v^q", positive());
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = std::min(o.lr * k.lr_scale, 1 / std::sqrt(static_cast<double>(k.t)));
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema first(o.beta1), second(o.beta2), third(o.beta3);
    const real step = real(lr / bias_correction(o.beta1, k.t)), eps = real(o.eps);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), factor = real(o.p),
               exponent = real(o.q);
    for_each_element(p.data, p.grad, s("m"), s("v"), s("r"), [=](real& w, real g, real& m, real& v, real& r) {
      g += decay.l2 * w;
      v = second(v, g * g);
      r = third(r, factor * power(v, exponent));
      m = first(m, r * g);
      w = decay.keep * w - step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry adamg() {
  return rule_entry<AdamG>(
      {"adamg", "Adam whose step size follows from the second moment", "Pan et al., 2024, arXiv 2405.04376"});
}

}  // namespace gradus::rules
