// Lion.
// Paper: Chen, Liang, Huang, Real, Wang, Liu, Pham, Dong, Luong, Hsieh, Lu, Le, "Symbolic Discovery of Optimization
//        Algorithms", NeurIPS 2023, arXiv 2302.06675, Algorithm 2. cautious: Liang et al., 2024, arXiv 2411.16085.
//   w <- w - lr*weight_decay*w
//   c = beta1*m + (1-beta1)*g
//   w <- w - lr*sign(c)                      sign(0) = 0
//   m = beta2*m + (1-beta2)*g                from the old m
//   cautious: only where c*g > 0, the step times n/(count + 1), n elements of which count take part
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Lion {
  struct Options {
    double lr = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;
    bool cautious = false;
    void visit(auto&& f) {
      f("lr", lr, "step size: every element moves by this", positive());
      f("beta1", beta1, "share of the momentum in the step", decay_rate());
      f("beta2", beta2, "decay of the momentum", decay_rate());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      f("cautious", cautious, "move only where step and gradient agree");
    }
  };

  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    double step_size = o.lr * k.lr_scale;
    const Decay decay = Decay::decoupled(o.weight_decay, step_size);
    const Ema blend(o.beta1), momentum(o.beta2);
    if (o.cautious) {
      const double count = sum_elements(p.grad, s("m"), [=](real g, real m) { return blend(m, g) * g > 0; });
      step_size *= static_cast<double>(p.data.numel()) / (count + 1);
    }
    const real step = real(step_size);
    const bool all = !o.cautious;
    for_each_element(p.data, p.grad, s("m"), [=](real& w, real g, real& m) {
      const real c = blend(m, g);
      w = decay.keep * w - (all || c * g > 0 ? step * sign(c) : real(0));
      m = momentum(m, g);
    });
  }
};

}  // namespace

OptimizerEntry lion() {
  return rule_entry<Lion>({"lion", "steps by the sign of a blend of momentum and gradient",
                           "Chen et al., NeurIPS 2023, arXiv 2302.06675"});
}

}  // namespace gradus::rules
