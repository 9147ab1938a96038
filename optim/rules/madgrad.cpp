// MADGRAD: momentumised, adaptive, dual averaged gradients.
// Paper: Defazio, Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method for
//        Stochastic Optimization", JMLR 2022, arXiv 2101.11075.
//   lr = lr + eps unless lr = 0;   not decoupled: g <- g + weight_decay*w;   lam = lr*sqrt(t)
//   x0 = the first w; with momentum = 0: x0 = w + s/(cbrt(v) + eps) from the old s, v
//   v = v + lam*g^2;   s = s + lam*g;   z = x0 - s/(cbrt(v) + eps)
//   w <- momentum*w + (1-momentum)*z;   decoupled: and - lr*weight_decay*w (the old w)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/powers.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Madgrad {
  struct Options {
    double lr = 0.01, momentum = 0.9, weight_decay = 0, eps = 1e-6;
    bool decoupled = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "share of the old weights", decay_rate());
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("eps", eps, "added to the cube root and to lr", epsilon());
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double scheduled = o.lr * k.lr_scale, rate = scheduled == 0 ? 0 : scheduled + o.eps;
    const real lam = real(rate * std::sqrt(static_cast<double>(k.t))), eps = real(o.eps);
    const real l2 = real(o.decoupled ? 0 : o.weight_decay),
               decay = real(o.decoupled ? rate * o.weight_decay : 0);
    if (o.momentum == 0) {
      for_each_element(p.data, p.grad, s("v"), s("s"), [=](real& w, real g, real& v, real& sum) {
        g += l2 * w;
        const real x0 = w + sum / (cube_root(v) + eps);
        v += lam * (g * g);
        sum += lam * g;
        w = x0 - sum / (cube_root(v) + eps) - decay * w;
      });
      return;
    }
    const real keep = real(o.momentum), take = real(1 - o.momentum);
    Tensor& start = s.starting_at("x0", p.data);
    for_each_element(p.data, p.grad, s("v"), s("s"), std::as_const(start),
                     [=](real& w, real g, real& v, real& sum, real x0) {
                       g += l2 * w;
                       v += lam * (g * g);
                       sum += lam * g;
                       w = keep * w + take * (x0 - sum / (cube_root(v) + eps)) - decay * w;
                     });
  }
};

}  // namespace

OptimizerEntry madgrad() {
  return rule_entry<Madgrad>({"madgrad", "dual averaging with the cube root of weighted squares",
                              "Defazio, Jelassi, JMLR 2022, arXiv 2101.11075"});
}

}  // namespace gradus::rules
