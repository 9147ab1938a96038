// Adadelta.
// Paper: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, arXiv 1212.5701. Details as
//        torch.optim.Adadelta (an lr in front; 1 is the paper).
//   g <- g + weight_decay*w
//   q = rho*q + (1-rho)*g^2
//   d = sqrt(x + eps)/sqrt(q + eps) * g          (old x)
//   x = rho*x + (1-rho)*d^2
//   w <- w - lr*d
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Adadelta {
  struct Options {
    double lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "factor on the paper's step", positive());
      f("rho", rho, "decay of both running means", decay_rate());
      f("eps", eps, "added inside both roots; starts the motion", positive());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), l2 = real(o.weight_decay), eps = real(o.eps);
    const Ema mean(o.rho);
    for_each_element(p.data, p.grad, s("q"), s("x"), [=](real& w, real g, real& q, real& x) {
      g += l2 * w;
      q = mean(q, g * g);
      const real d = std::sqrt(x + eps) / std::sqrt(q + eps) * g;
      x = mean(x, d * d);
      w -= lr * d;
    });
  }
};

}  // namespace

OptimizerEntry adadelta() {
  return rule_entry<Adadelta>({.name = "adadelta",
                               .summary = "step sizes from the ratio of past updates to past gradients",
                               .paper = "Zeiler 2012, arXiv 1212.5701; form of torch.optim.Adadelta"});
}

}  // namespace gradus::rules
