// diffGrad.
// Paper: Dubey, Chakraborty, Roy, Mukherjee, Singh, Chaudhuri, "diffGrad: An Optimization Method for Convolutional
//        Neural Networks", IEEE TNNLS 2020, arXiv 1909.11015.
//   g <- g + weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   xi = 1/(1 + exp(-|g_prev - g|));  g_prev = g              (friction in [1/2, 1); g_prev = 0 at the start)
//   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t) * xi*m/(sqrt(v) + eps)
// Follows the authors' corrected code; in the first one g_prev aliased the gradient, so that xi was 1/2.
#include "core/kernels/vmath.h"
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct DiffGrad {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real step = real(efficient_step(o.lr * k.lr_scale, o.beta1, o.beta2, k.t));
    const real l2 = real(o.weight_decay), eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), s("g_prev"),
                     [=](real& w, real g, real& m, real& v, real& g_prev) {
                       g += l2 * w;
                       m = first(m, g);
                       v = second(v, g * g);
                       const real xi = vmath::sigmoid(std::abs(g_prev - g));
                       g_prev = g;
                       w -= step * xi * m / (std::sqrt(v) + eps);
                     });
  }
};

}  // namespace

OptimizerEntry diffgrad() {
  return rule_entry<DiffGrad>({"diffgrad", "Adam with friction where gradients do not change",
                               "Dubey et al., IEEE TNNLS 2020, arXiv 1909.11015"});
}

}  // namespace gradus::rules
