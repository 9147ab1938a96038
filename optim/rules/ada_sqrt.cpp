// AdaSqrt.
// Paper: Hu, Lin, Zhang, "Second-order Information in First-order Optimization Methods", 2019, arXiv 1912.09926.
//   g <- g + weight_decay*w;   n = n + g^2;   w <- w - lr*sqrt(t)*g/(n + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdaSqrt {
  struct Options {
    double lr = 1e-3, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("eps", eps, "added to the accumulator", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real step = real(o.lr * k.lr_scale * std::sqrt(static_cast<double>(k.t))),
               l2 = real(o.weight_decay), eps = real(o.eps);
    for_each_element(p.data, p.grad, s("n"), [=](real& w, real g, real& n) {
      g += l2 * w;
      n += g * g;
      w -= step * g / (n + eps);
    });
  }
};

}  // namespace

OptimizerEntry ada_sqrt() {
  return rule_entry<AdaSqrt>(
      {"ada-sqrt", "AdaGrad without the root, times sqrt(t)", "Hu, Lin, Zhang, 2019, arXiv 1912.09926"});
}

}  // namespace gradus::rules
