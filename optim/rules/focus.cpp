// FOCUS: first-order concentrated updating.
// Paper: Liu, Liu, Gore, Tegmark, "FOCUS: First Order Concentrated Updating Scheme", 2025, arXiv 2501.12243; decay as in
//        the authors' code: towards zero by the averaged weights.
//   m = beta1*m + (1-beta1)*g
//   a = abar/(1-beta2^t),  abar = beta2*abar + (1-beta2)*w                   of the weights before the step
//   w <- w - lr*(sign(m) + gamma*sign(w - a)) - lr*weight_decay*a            in step 1 a = w and sign(w - a) = 0
// Of weights that have never moved w - a is what rounding leaves, and its sign is any.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Focus {
  struct Options {
    double lr = 0.01, beta1 = 0.9, beta2 = 0.999, gamma = 0.1, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of weights", decay_rate());
      f("gamma", gamma, "pull towards the mean of weights", at_least(0));
      f("weight_decay", weight_decay, "decay by the mean of weights", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), c = real(1 / bias_correction(o.beta2, k.t));
    const real pull = real(k.t == 1 ? 0 : o.gamma), decay = real(o.weight_decay);
    const Ema mean(o.beta1), average(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("a"), [=](real& w, real g, real& m, real& bar) {
      m = mean(m, g);
      bar = average(bar, w);
      const real a = c * bar;
      w -= lr * (sign(m) + pull * sign(w - a) + decay * a);
    });
  }
};

}  // namespace

OptimizerEntry focus() {
  return rule_entry<Focus>({"focus", "sign steps that are drawn to the running mean of the weights",
                            "Liu, Liu, Gore, Tegmark, 2025, arXiv 2501.12243"});
}

}  // namespace gradus::rules
