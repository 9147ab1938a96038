// AEGD: gradient descent with an energy per element.
// Paper: Liu, Tian, "AEGD: Adaptive Gradient Descent with Energy"; the base method of Liu, Nurbekyan, Tian, Yang,
//        "Adaptive Preconditioned Gradient Descent with Energy", 2023, arXiv 2310.06733. Details as txping/AEGD.
//   F = sqrt(f + c);   v = g/(2*F) + weight_decay*w          decoupled: w <- w*(1 - lr*weight_decay) first
//   r <- r/(1 + 2*lr*v^2)                                    r = F of the first step
//   w <- w - 2*lr*r*v
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/filled.h"

namespace gradus::rules {
namespace {

struct Aegd {
  struct Options {
    double lr = 0.1, c = 1, weight_decay = 0;
    bool decoupled = false;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("c", c, "added to the loss so that it stays positive");
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to v");
    }
  };
  static Needs needs(const Options&) { return {.loss = true}; }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (!(k.loss + o.c > 0))
      fail<NumericError>("optimizer aegd: loss {} + c {} must be positive; choose a larger c", k.loss, o.c);
    const double lr = o.lr * k.lr_scale, energy = std::sqrt(k.loss + o.c);
    const real keep = real(o.decoupled ? 1 - lr * o.weight_decay : 1),
               l2 = real(o.decoupled ? 0 : o.weight_decay);
    const real half = real(1 / (2 * energy)), step = real(2 * lr);
    Tensor& r = filled(s, "r", real(energy));
    for_each_element(p.data, p.grad, r, [=](real& w, real g, real& own) {
      const real v = g * half + l2 * w;
      own /= 1 + step * v * v;
      w = keep * w - step * own * v;
    });
  }
};

}  // namespace

OptimizerEntry aegd() {
  return rule_entry<Aegd>({"aegd", "gradient descent damped by an energy per element",
                           "Liu, Nurbekyan, Tian, Yang, 2023, arXiv 2310.06733; Liu, Tian, AEGD"});
}

}  // namespace gradus::rules
