// BCOS: step sizes for the block-coordinate optimal stepsize.
// Paper: Jiang, Xiao, "Stochastic Approximation with Block Coordinate Optimal Stepsizes", 2025, arXiv 2507.08918.
//   w <- w - lr*weight_decay*w;   in step 1 the old m is g and the old v is g^2
//   m0 = old m;   m = beta*m0 + (1-beta)*g;   d = g (mode g) or m (modes m, c);   b = beta
//   mode c: v = (3*b^2 - 2*b^3)*m0^2 + (1-b)^2*g^2 + 2*b*(1-b)^2*m0*g
//           simple: v = beta2*m0^2 + (1-beta2)*g^2,  beta2 by default 1 - (1-b)^2
//   modes g, m: v = beta2*v + (1-beta2)*d^2,  beta2 by default beta
//   w <- w - lr*d/(sqrt(v) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Bcos {
  struct Options {
    double lr = 1e-3, beta = 0.9, eps = 1e-6, weight_decay = 0.1;
    std::string mode = "c";
    bool simple = false;
    std::optional<double> beta2;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta", beta, "decay of the gradient mean", decay_rate());
      f("mode", mode,
        "direction and second moment: of the gradient, the mean, or the mean by conditional estimates",
        choices({"g", "m", "c"}));
      f("simple", simple, "mode c: the simpler estimate");
      f("beta2", beta2, "decay of the second moment; none: follows from beta", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, b = o.beta, rest = (1 - b) * (1 - b);
    const bool conditional = o.mode == "c", plain = o.mode == "g", start = k.t == 1;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr), eps = real(o.eps);
    const Ema mean(b);
    if (conditional) {
      const double b2 = o.beta2.value_or(1 - rest);
      const real old2 = real(o.simple ? b2 : 3 * b * b - 2 * b * b * b),
                 new2 = real(o.simple ? 1 - b2 : rest), cross = real(o.simple ? 0 : 2 * b * rest);
      for_each_element(p.data, p.grad, s("m"), [=](real& w, real g, real& m) {
        const real m0 = start ? g : m;
        m = mean(m0, g);
        const real v = old2 * (m0 * m0) + new2 * (g * g) + cross * (m0 * g);
        w = keep * w - step * m / (std::sqrt(std::max(v, real(0))) + eps);
      });
      return;
    }
    const Ema second(o.beta2.value_or(b));
    if (plain)
      for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
        v = second(start ? g * g : v, g * g);
        w = keep * w - step * g / (std::sqrt(v) + eps);
      });
    else
      for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
        m = mean(start ? g : m, g);
        v = second(start ? g * g : v, m * m);
        w = keep * w - step * m / (std::sqrt(v) + eps);
      });
  }
};

}  // namespace

OptimizerEntry bcos() {
  return rule_entry<Bcos>({"bcos", "the step that is best for each coordinate, by conditional estimates",
                           "Jiang, Xiao, 2025, arXiv 2507.08918"});
}

}  // namespace gradus::rules
