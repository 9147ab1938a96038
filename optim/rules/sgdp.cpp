// SGDP.
// Paper: Heo, Chun, Oh, Han, Yun, Kim, Uh, Ha, "AdamP: Slowing Down the Slowdown for Momentum Optimizers on
//        Scale-invariant Weights", ICLR 2021, arXiv 2006.08217, Algorithm 1.
//   v = momentum*v + (1-dampening)*g;   d = v, nesterov: g + momentum*v
//   (d, ratio) = projection of d, see vocabulary/projection.h
//   w <- w - lr*weight_decay*ratio/(1-momentum)*w - lr*d
// The published code projects v itself unless nesterov (project_buffer); the paper keeps v unprojected.
#include "optim/rules/rules.h"
#include "optim/vocabulary/projection.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct SgdP {
  struct Options {
    double lr = 0.01, momentum = 0, dampening = 0, weight_decay = 0;
    bool nesterov = false;
    double eps = 1e-8;
    Projection projection;
    bool project_buffer = true;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "share of the velocity that is kept", decay_rate());
      f("dampening", dampening, "share of the gradient that does not enter the velocity", between(0, 1));
      f("weight_decay", weight_decay, "decay, times 1/(1-momentum)", at_least(0));
      f("nesterov", nesterov, "look ahead by one velocity step");
      f("eps", eps, "guards norms", epsilon());
      projection.visit(f);
      f("project_buffer", project_buffer,
        "the projection changes the velocity too (published code), not with nesterov");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real mu = real(o.momentum), take = real(1 - o.dampening);
    Tensor& v = s("v");
    const bool apart = o.nesterov || !o.project_buffer;  // d is not v itself
    Tensor d = apart ? Tensor(v.shape()) : v;
    if (apart) {
      const real of_g = real(o.nesterov), of_v = o.nesterov ? mu : real(1);
      for_each_element(p.grad, v, d, [=](real g, real& x, real& y) {
        x = mu * x + take * g;
        y = of_g * g + of_v * x;
      });
    } else {
      for_each_element(p.grad, v, [=](real g, real& x) { x = mu * x + take * g; });
    }
    const double ratio = o.projection.apply(p, d, o.eps);
    const real keep = Decay::decoupled(o.weight_decay * ratio / (1 - o.momentum), lr).keep, step = real(lr);
    for_each_element(p.data, std::as_const(d), [=](real& w, real x) { w = keep * w - step * x; });
  }
};

}  // namespace

OptimizerEntry sgdp() {
  return rule_entry<SgdP>({"sgdp", "momentum SGD without growth of scale-invariant weights",
                           "Heo et al., ICLR 2021, arXiv 2006.08217", 3});
}

}  // namespace gradus::rules
