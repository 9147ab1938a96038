// QHM and QHAdam: quasi-hyperbolic momentum.
// Paper: Ma, Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", ICLR 2019, arXiv 1810.06801.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   qhm:    m = momentum*m + (1-momentum)*g;   w <- w - lr * ((1-nu)*g + nu*m)
//   qhadam: m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2;  mhat = m/(1-beta1^t),  vhat = v/(1-beta2^t)
//           w <- w - lr * ((1-nu1)*g + nu1*mhat)/(sqrt((1-nu2)*g^2 + nu2*vhat) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct Qhm {
  struct Options {
    double lr = 0.1, momentum = 0.999, nu = 0.7, weight_decay = 0;
    bool decoupled = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "decay of the gradient mean", decay_rate());
      f("nu", nu, "share of the mean in the step; the rest is the gradient", between(0, 1));
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema first(o.momentum);
    const real of_g = real(lr * (1 - o.nu)), of_m = real(lr * o.nu);
    for_each_element(p.data, p.grad, s("m"), [=](real& w, real g, real& m) {
      g += decay.l2 * w;
      m = first(m, g);
      w = decay.keep * w - (of_g * g + of_m * m);
    });
  }
};

struct QhAdam {
  struct Options : MomentOptions {
    double nu1 = 1, nu2 = 1;
    bool decoupled = false;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("nu1", nu1, "share of the mean in the step; the rest is the gradient", between(0, 1));
      f("nu2", nu2, "share of the second moment under the root; the rest is g^2", between(0, 1));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema first(o.beta1), second(o.beta2);
    const real of_g = real(lr * (1 - o.nu1)), of_m = real(lr * o.nu1 / bias_correction(o.beta1, k.t));
    const real new_square = real(1 - o.nu2), of_v = real(o.nu2 / bias_correction(o.beta2, k.t)),
               eps = real(o.eps);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      g += decay.l2 * w;
      m = first(m, g);
      v = second(v, g * g);
      w = decay.keep * w - (of_g * g + of_m * m) / (std::sqrt(new_square * (g * g) + of_v * v) + eps);
    });
  }
};

}  // namespace

OptimizerEntry qhm() {
  return rule_entry<Qhm>(
      {"qhm", "a blend of momentum and plain gradient", "Ma, Yarats, ICLR 2019, arXiv 1810.06801"});
}
OptimizerEntry qhadam() {
  return rule_entry<QhAdam>({"qhadam", "Adam whose moments are blended with the present gradient",
                             "Ma, Yarats, ICLR 2019, arXiv 1810.06801"});
}

}  // namespace gradus::rules
