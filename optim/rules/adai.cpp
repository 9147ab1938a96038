// Adai: inertia that differs from element to element.
// Paper: Xie, Wang, Zhang, Sato, Sugiyama, "Adaptive Inertia: Disentangling the Effects of Adaptive Learning Rate and
//        Momentum", ICML 2022, arXiv 2006.15815; dampening as in the authors' code (below 1: its second version).
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   v = beta2*v + (1-beta2)*g^2,  vhat = v/(1-beta2^t),  vbar = mean of vhat over all elements of all tensors
//   b = clamp(1 - beta0*(vhat/vbar)^(1/(3-2*dampening)), 0, 1-eps)
//   m = b*m + (1-b)^dampening*g,  P = P*b,  P starts at 1
//   w <- w - lr * m/(1-P) * beta0^(1-dampening)
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/powers.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Adai {
  struct Options {
    double lr = 0.1, beta0 = 0.1, beta2 = 0.99, eps = 1e-3, weight_decay = 0, dampening = 1;
    bool decoupled = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta0", beta0, "what an element of mean curvature takes from a new gradient", between(0, 1));
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "least that is taken from a new gradient", between(0, 1));
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("dampening", dampening, "power of what is taken from a new gradient", between(0, 1));
    }
  };

  /// 1/vbar.
  static double prepare(Pass<Options>& pass) {
    MeanOverAll mean;
    for (auto& [p, s, o, group, t] : pass.items) {
      const Decay decay = Decay::of(o.weight_decay, o.lr * pass.info.lr_scale, o.decoupled);
      const Ema second(o.beta2);
      for_each_element(s("v"), p.grad, std::as_const(p.data),
                       [=](real& v, real g, real w) { v = second(v, square(g + decay.l2 * w)); });
      mean.add(s("v"), bias_correction(o.beta2, t));
    }
    return mean.value() > 0 ? 1 / mean.value() : 0;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k, double inverse_mean) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const real share = real(inverse_mean / bias_correction(o.beta2, k.t)), beta0 = real(o.beta0);
    const real most = real(1 - o.eps);
    const real step = real(lr * std::pow(o.beta0, 1 - o.dampening));
    Tensor& product = filled(s, "beta1_product", 1);
    with_power(1 / (3 - 2 * o.dampening), [&](auto of_curvature) {
      with_power(o.dampening, [&](auto dampened) {
        for_each_element(p.data, p.grad, s("m"), std::as_const(s("v")), product,
                         [=](real& w, real g, real& m, real v, real& P) {
                           g += decay.l2 * w;
                           const real b = std::clamp(1 - beta0 * of_curvature(v * share), real(0), most);
                           P *= b;
                           m = b * m + dampened(1 - b) * g;
                           w = decay.keep * w - step * m / (1 - P);
                         });
      });
    });
  }
};

}  // namespace

OptimizerEntry adai() {
  return rule_entry<Adai>({"adai", "momentum whose inertia adapts to each element's second moment",
                           "Xie et al., ICML 2022, arXiv 2006.15815", 4});
}

}  // namespace gradus::rules
