// Adagrad.
// Paper: Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
//        JMLR 2011. Details as torch.optim.Adagrad.
//   g <- g + weight_decay*w
//   q = q + g^2          (q starts at initial_accumulator_value)
//   w <- w - lr/(1 + (t-1)*lr_decay) * g/(sqrt(q) + eps)
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Adagrad {
  struct Options {
    double lr = 0.01, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("lr_decay", lr_decay, "step t uses lr/(1 + (t-1)*lr_decay)", at_least(0));
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("initial_accumulator_value", initial_accumulator_value, "sum of squares to start from", at_least(0));
      f("eps", eps, "added to the root", epsilon());
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale / (1 + static_cast<double>(k.t - 1) * o.lr_decay));
    const real l2 = real(o.weight_decay), eps = real(o.eps);
    if (!s.has("q")) s("q").fill(real(o.initial_accumulator_value));
    for_each_element(p.data, p.grad, s("q"), [=](real& w, real g, real& q) {
      g += l2 * w;
      q += g * g;
      w -= lr * g / (std::sqrt(q) + eps);
    });
  }
};

}  // namespace

OptimizerEntry adagrad() {
  return rule_entry<Adagrad>({.name = "adagrad",
                              .summary = "gradient over the root of the sum of all its squares",
                              .paper = "Duchi, Hazan, Singer, JMLR 2011; form of torch.optim.Adagrad"});
}

}  // namespace gradus::rules
