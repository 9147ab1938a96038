// D-Adapted Adam.
// Paper: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733. Details as
//        facebookresearch/dadaptation dadapt_adam.py.
//   q = sqrt(beta2);   r = layer_scale of the parameter's group
//   dlr = d*lr*bc,  bc = sqrt(1-beta2^t)/(1-beta1^t) with use_bias_correction, else 1
//   acc = dlr * sum r*<g, s/(sqrt(v) + eps)>             old v and s
//   m = beta1*m + r*dlr*(1-beta1)*g;   v = beta2*v + (1-beta2)*g^2;   s = q*s + (1-q)*dlr*g;   L1 = sum r*||s||_1
//   num = q*num + (1-q)*acc;   d = max(d, min(num/((1-q)*L1), d*growth_rate))
//   w <- w - weight_decay*dlr*w (decoupled) - m/(sqrt(v) + eps)              else g <- g + weight_decay*w first
#include <cmath>

#include "optim/rules/dadapt.h"
#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct DadaptAdam {
  struct Options {
    double lr = 1, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, d0 = 1e-6, layer_scale = 1;
    std::optional<double> growth_rate;
    bool decoupled = false, use_bias_correction = false;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found; 1, and 0 in a group that is frozen", at_least(0));
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the root", at_least(0));
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("use_bias_correction", use_bias_correction, "Adam's bias correction inside the step size");
      f("d0", d0, "first estimate of the distance", positive());
      f("growth_rate", growth_rate, "largest factor on d in a step; none: no limit", at_least(1));
      f("layer_scale", layer_scale, "relative step size of a group", positive());
    }
  };

  static void step(Pass<Options>& pass) {
    check_common_lr(pass, "dadapt-adam");
    const Options& o = pass.options;
    State& shared = pass.shared;
    double &d = shared.scalar("d", o.d0), &num = shared.scalar("num"), &k = shared.scalar("k");
    const int64 t = static_cast<int64>(k) + 1;
    const double bc =
        o.use_bias_correction ? std::sqrt(bias_correction(o.beta2, t)) / bias_correction(o.beta1, t) : 1;
    const double lr = o.lr * pass.info.lr_scale, dlr = d * lr * bc, q = std::sqrt(o.beta2);
    const Ema second(o.beta2);
    double acc = 0, sizes = 0;
    for (auto& item : pass.items) {
      if (item.o.lr == 0) continue;
      const double r = item.o.layer_scale;
      const Tensor g = decayed_gradient(item.p, item.o.decoupled ? 0 : item.o.weight_decay);
      Tensor &m = item.s("m"), &v = item.s("v"), &s = item.s("s");
      acc += r * dlr * sum_elements(g, s, v, [eps = o.eps](real x, real sum, real square) {
               return static_cast<double>(x) * static_cast<double>(sum) /
                      (std::sqrt(static_cast<double>(square)) + eps);
             });
      const real keep1 = real(o.beta1), take1 = real(r * dlr * (1 - o.beta1)), keep = real(q),
                 take = real((1 - q) * dlr);
      for_each_element(g, m, v, s, [=](real x, real& mean, real& square, real& sum) {
        mean = keep1 * mean + take1 * x;
        square = second(square, x * x);
        sum = keep * sum + take * x;
      });
      sizes += r * sum_of_sizes(s);
    }
    if (sizes == 0) return;
    num = q * num + (1 - q) * acc;
    if (lr > 0) grow(d, num / ((1 - q) * sizes), o.growth_rate);
    ++k;
    for (auto& item : pass.items) {
      if (item.o.lr == 0) continue;
      const real keep = real(item.o.decoupled ? 1 - item.o.weight_decay * dlr : 1), eps = real(o.eps);
      for_each_element(item.p.data, item.s("m"), item.s("v"),
                       [=](real& w, real m, real v) { w = keep * w - m / (std::sqrt(v) + eps); });
    }
  }
};

}  // namespace

OptimizerEntry dadapt_adam() {
  return rule_entry<DadaptAdam>({"dadapt-adam", "Adam with a step size found on the way",
                                 "Defazio, Mishchenko, ICML 2023, arXiv 2301.07733", 4});
}

}  // namespace gradus::rules
