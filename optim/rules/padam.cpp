// Padam: Adam with a partial power of the second moment.
// Paper: Chen, Zhou, Tang, Yang, Cao, Gu, "Closing the Generalization Gap of Adaptive Gradient Methods in Training Deep
//        Neural Networks", IJCAI 2020, arXiv 1806.06763.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2;   amsgrad: vmax = max(vmax, v), in place of v
//   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t) * m/(sqrt(v) + eps)^(2*partial)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/powers.h"

namespace gradus::rules {
namespace {

struct Padam {
  struct Options : MomentOptions {
    double partial = 0.25;
    bool decoupled = false, amsgrad = true;
    Options() { lr = 0.1; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("partial", partial, "power of the second moment: 1/2 is Adam, 0 momentum", between(0, 0.5));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const real step = real(efficient_step(lr, o.beta1, o.beta2, k.t)), eps = real(o.eps);
    const Ema first(o.beta1), second(o.beta2);
    const auto moments = [=](real w, real& g, real& m, real& v) {
      g += decay.l2 * w;
      m = first(m, g);
      v = second(v, g * g);
    };
    with_power(2 * o.partial, [&](auto powered) {
      const auto move = [=](real& w, real m, real v) {
        w = decay.keep * w - step * m / powered(std::sqrt(v) + eps);
      };
      if (o.amsgrad)
        for_each_element(p.data, p.grad, s("m"), s("v"), s("vmax"),
                         [=](real& w, real g, real& m, real& v, real& top) {
                           moments(w, g, m, v);
                           top = std::max(top, v);
                           move(w, m, top);
                         });
      else
        for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
          moments(w, g, m, v);
          move(w, m, v);
        });
    });
  }
};

}  // namespace

OptimizerEntry padam() {
  return rule_entry<Padam>({"padam", "between momentum and AMSGrad: a partial power of the second moment",
                            "Chen et al., IJCAI 2020, arXiv 1806.06763"});
}

}  // namespace gradus::rules
