// FTML: follow the moving leader.
// Paper: Zheng, Kwok, "Follow the Moving Leader in Deep Learning", ICML 2017, Algorithm 1.
//   g <- g + weight_decay*w
//   v = beta2*v + (1-beta2)*g^2
//   d_new = (1-beta1^t)/lr * (sqrt(v/(1-beta2^t)) + eps)
//   z = beta1*z + (1-beta1)*g - (d_new - beta1*d)*w;   d = d_new
//   w <- -z/d
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct Ftml {
  struct Options : MomentOptions {
    Options() { lr = 2.5e-3, beta1 = 0.6; }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real l2 = real(o.weight_decay), b1 = real(o.beta1), take = real(1 - o.beta1), eps = real(o.eps);
    const real c = real(bias_correction(o.beta1, k.t) / (o.lr * k.lr_scale)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    const Ema second(o.beta2);
    if (k.lr_scale == 0) return;  // d would be infinite: the leader stays where it is
    for_each_element(p.data, p.grad, s("v"), s("d"), s("z"), [=](real& w, real g, real& v, real& d, real& z) {
      g += l2 * w;
      v = second(v, g * g);
      const real d_new = c * (std::sqrt(v) * root + eps);
      z = b1 * z + take * g - (d_new - b1 * d) * w;
      d = d_new;
      w = -z / d;
    });
  }
};

}  // namespace

OptimizerEntry ftml() {
  return rule_entry<Ftml>(
      {"ftml", "the minimiser of an exponential mean of regularised losses", "Zheng, Kwok, ICML 2017"});
}

}  // namespace gradus::rules
