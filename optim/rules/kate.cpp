// KATE: scale-invariant AdaGrad.
// Paper: Choudhury, Tupitsa, Loizou, Horvath, Takac, Gorbunov, "Remove that Square Root: A New Efficient Scale-Invariant
//        Version of AdaGrad", NeurIPS 2024, arXiv 2403.02648. b, m here are the squares of the paper's.
//   w <- w - lr*weight_decay*w
//   b = b + g^2 + eps;   m = m + eta*g^2 + g^2/b;   w <- w - lr*sqrt(m)*g/b
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Kate {
  struct Options {
    double lr = 1e-3, eta = 0, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("eta", eta, "weight of g^2 in the numerator", at_least(0));
      f("eps", eps, "added to the accumulator at every step", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr), eta = real(o.eta),
               eps = real(o.eps);
    for_each_element(p.data, p.grad, s("b"), s("m"), [=](real& w, real g, real& b, real& m) {
      const real g2 = g * g;
      b += g2 + eps;
      m += eta * g2 + g2 / b;
      w = keep * w - step * std::sqrt(m) * g / b;
    });
  }
};

}  // namespace

OptimizerEntry kate() {
  return rule_entry<Kate>({"kate", "AdaGrad without the root: invariant to scales",
                           "Choudhury et al., NeurIPS 2024, arXiv 2403.02648"});
}

}  // namespace gradus::rules
