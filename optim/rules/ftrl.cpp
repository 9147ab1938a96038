// FTRL-proximal.
// Paper: McMahan and others, "Ad Click Prediction: a View from the Trenches", KDD 2013, Algorithm 1.
//   n' = n + g^2;   z = z + g - (n'^-lr_power - n^-lr_power)/lr*w;   n = n'
//   w = 0 where |z| <= lambda1, else (sign(z)*lambda1 - z)/((beta + n^-lr_power)/lr + lambda2)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/powers.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Ftrl {
  struct Options {
    double lr = 1e-3, lr_power = -0.5, beta = 0, lambda1 = 0, lambda2 = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("lr_power", lr_power, "power of the accumulator in the step size, at most 0", Limits{.high = 0});
      f("beta", beta, "added to the root of the accumulator", at_least(0));
      f("lambda1", lambda1, "L1 penalty: weights below it are 0", at_least(0));
      f("lambda2", lambda2, "L2 penalty", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    if (k.lr_scale == 0) return;  // an infinite regulariser: nothing moves
    const real over_lr = real(1 / (o.lr * k.lr_scale)), beta = real(o.beta);
    const real l1 = real(o.lambda1), l2 = real(o.lambda2);
    with_power(-o.lr_power, [&](auto powered) {
      for_each_element(p.data, p.grad, s("z"), s("n"), [=](real& w, real g, real& z, real& n) {
        const real next = n + g * g, now = powered(next);
        z += g - (now - powered(n)) * over_lr * w;
        n = next;
        const real divisor = (beta + now) * over_lr + l2, moved = (sign(z) * l1 - z) / divisor;
        w = (std::abs(z) <= l1) | (divisor == 0) ? real(0) : moved;
      });
    });
  }
};

}  // namespace

OptimizerEntry ftrl() {
  return rule_entry<Ftrl>(
      {"ftrl", "follow the regularised leader: sparse weights by an L1 penalty", "McMahan et al., KDD 2013"});
}

}  // namespace gradus::rules
