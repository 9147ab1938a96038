// ADOPT.
// Paper: Taniguchi, Harada, Minegishi, Oshima, Jeong, Nagahara, Iiyama, Suzuki, Iwasawa, Matsuo, "ADOPT: Modified
//        Adam Can Converge with Any beta2 with the Optimal Rate", NeurIPS 2024, arXiv 2411.02853, Algorithm 1.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   first call: v = g^2 and nothing moves, by no decay either
//   then, k = 1, 2, ...: u = g/max(sqrt(v), eps)              (old v)
//                        clip: u <- min(max(u, -k^(1/4)), k^(1/4))
//                        m = beta1*m + (1-beta1)*u
//                        w <- w - lr*m
//                        v = beta2*v + (1-beta2)*g^2
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Adopt {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.9999, eps = 1e-6, weight_decay = 0;
    bool decoupled = false, clip = true;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the mean of normalised gradients", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "smallest divisor", epsilon());
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("clip", clip, "clip the normalised gradient at k^(1/4)");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    if (k.t == 1) {
      for_each_element(std::as_const(p.data), p.grad, s("v"),
                       [l2 = decay.l2](real w, real g, real& v) { v = square(g + l2 * w); });
      return;
    }
    const real limit =
        o.clip ? real(std::pow(static_cast<double>(k.t - 1), 0.25)) : std::numeric_limits<real>::max();
    const real step = real(lr), eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      g += decay.l2 * w;
      const real u = g / std::max(std::sqrt(v), eps);
      m = first(m, std::min(std::max(u, -limit), limit));
      w = decay.keep * w - step * m;
      v = second(v, g * g);
    });
  }
};

}  // namespace

OptimizerEntry adopt() {
  return rule_entry<Adopt>({"adopt", "Adam that divides by the previous second moment, then averages",
                            "Taniguchi et al., NeurIPS 2024, arXiv 2411.02853"});
}

}  // namespace gradus::rules
