// RAdam.
// Paper: Liu, Jiang, He, Chen, Liu, Gao, Han, "On the Variance of the Adaptive Learning Rate and Beyond", ICLR
//        2020, arXiv 1908.03265, Algorithm 2.
//   v = beta2*v + (1-beta2)*g^2;  m = beta1*m + (1-beta1)*g
//   rho_inf = 2/(1-beta2) - 1,  rho_t = rho_inf - 2*t*beta2^t/(1-beta2^t)
//   rho_t >= 5: r_t = sqrt( (rho_t-4)(rho_t-2)*rho_inf / ((rho_inf-4)(rho_inf-2)*rho_t) )
//               w <- w - lr*weight_decay*w - lr*r_t*sqrt(1-beta2^t)/(1-beta1^t) * m/(sqrt(v) + eps)
//   else, degenerated_to_sgd: w <- w - lr*weight_decay*w - lr/(1-beta1^t) * m
//   else: w stays
// The paper steps by m below the threshold, which is 4 there; the released class does neither, and we follow it.
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct RAdam {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    bool degenerated_to_sgd = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      f("degenerated_to_sgd", degenerated_to_sgd, "in the first steps go along the mean instead of waiting");
    }
  };

  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const auto r = rectification(o.beta2, k.t);
    const bool moves = r || o.degenerated_to_sgd;
    const real adaptive = real(r ? *r * efficient_step(lr, o.beta1, o.beta2, k.t) : 0);
    const real plain = real(!r && moves ? lr / bias_correction(o.beta1, k.t) : 0);
    const Decay decay = Decay::decoupled(moves ? o.weight_decay : 0, lr);
    const real eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      w = decay.keep * w - (adaptive * m / (std::sqrt(v) + eps) + plain * m);
    });
  }
};

}  // namespace

OptimizerEntry radam() {
  return rule_entry<RAdam>({"radam", "Adam with the variance of its early step sizes rectified",
                            "Liu et al., ICLR 2020, arXiv 1908.03265"});
}

}  // namespace gradus::rules
