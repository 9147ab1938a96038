// Optimistic gradient descent and optimistic Adam.
// Papers: Daskalakis, Ilyas, Syrgkanis, Zeng, "Training GANs with Optimism", ICLR 2018, arXiv 1711.00141; generalised:
//         Mokhtari, Ozdaglar, Pattathil, AISTATS 2020, arXiv 1901.08511. Form of optax.
//   optimistic-gd:   g <- g + weight_decay*w;   w <- w - lr*((alpha+beta)*g - beta*g_prev)       g_prev = g in step 1
//   optimistic-adam: w <- w - lr*weight_decay*w;   m, v as in adam.cpp;   u = m/(1-beta1^t)/(sqrt(v/(1-beta2^t)) + eps)
//                    w <- w - lr*((1+optimism)*u - optimism*u_prev)                              u_prev = u in step 1
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct OptimisticGd {
  struct Options {
    double lr = 0.1, alpha = 1, beta = 1, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("alpha", alpha, "weight of the gradient", at_least(0));
      f("beta", beta, "weight of the gradient's change", at_least(0));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay);
    const real now = real(k.t == 1 ? o.alpha : o.alpha + o.beta), before = real(k.t == 1 ? 0 : o.beta);
    for_each_element(p.data, p.grad, s("g_prev"), [=](real& w, real g, real& g_prev) {
      g += l2 * w;
      w -= lr * (now * g - before * g_prev);
      g_prev = g;
    });
  }
};

struct OptimisticAdam {
  struct Options : MomentOptions {
    double optimism = 1;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("optimism", optimism, "weight of the step's change", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr), eps = real(o.eps);
    const real c1 = real(1 / bias_correction(o.beta1, k.t)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    const real now = real(k.t == 1 ? 1 : 1 + o.optimism), before = real(k.t == 1 ? 0 : o.optimism);
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), s("u_prev"),
                     [=](real& w, real g, real& m, real& v, real& u_prev) {
                       m = first(m, g);
                       v = second(v, g * g);
                       const real u = c1 * m / (std::sqrt(v) * root + eps);
                       w = keep * w - step * (now * u - before * u_prev);
                       u_prev = u;
                     });
  }
};

}  // namespace

OptimizerEntry optimistic_gd() {
  return rule_entry<OptimisticGd>({"optimistic-gd", "gradient descent that adds the gradient's last change",
                                   "Daskalakis et al., ICLR 2018, arXiv 1711.00141"});
}
OptimizerEntry optimistic_adam() {
  return rule_entry<OptimisticAdam>({"optimistic-adam", "Adam that adds its step's last change",
                                     "Daskalakis et al., ICLR 2018, arXiv 1711.00141"});
}

}  // namespace gradus::rules
