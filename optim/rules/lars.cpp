// LARS: layer-wise adaptive rate scaling.
// Paper: You, Gitman, Ginsburg, "Large Batch Training of Convolutional Networks", 2017, arXiv 1708.03888.
//   local = trust_coefficient * ||w|| / (||g|| + weight_decay*||w|| + eps)     1 where ||w|| or ||g|| is 0
//   d = local * (g + weight_decay*w)
//   v = momentum*v + lr*d,  w <- w - v                 nesterov: w <- w - (momentum*v + lr*d)
//   lr_in_buffer = false:  v = momentum*v + d,  w <- w - lr*v       nesterov: w <- w - lr*(d + momentum*v)
// norm_mode: `paper` is the above; `joint` divides by ||g + weight_decay*w|| + eps, `grad_only` by ||g|| + eps.
// larc_clip: local <- min(local/lr, 1), so that no layer's rate exceeds lr (NVIDIA apex, LARC).
// exclude_1d: biases and norm gains take plain momentum steps, local = 1 and no decay.
// The buffer starts at zero; implementations that start it with the raw gradient add an unscaled term.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/layer.h"

namespace gradus::rules {
namespace {

struct Lars {
  struct Options {
    double lr = 1, momentum = 0.9, weight_decay = 5e-4, trust_coefficient = 1e-3, eps = 0;
    bool nesterov = false, exclude_1d = true, lr_in_buffer = true, larc_clip = false;
    std::string norm_mode = "paper";
    void visit(auto&& f) {
      f("lr", lr, "global step size (of the order 1 to 30)", positive());
      f("momentum", momentum, "share of the velocity that is kept", decay_rate());
      f("weight_decay", weight_decay, "L2 penalty, inside the scaled gradient", at_least(0));
      f("trust_coefficient", trust_coefficient, "relative change of a layer per unit of lr", positive());
      f("eps", eps, "added to the norm that divides", at_least(0));
      f("nesterov", nesterov, "look ahead by one velocity step");
      f("exclude_1d", exclude_1d, "plain momentum without decay for biases and norm gains");
      f("norm_mode", norm_mode, "which norm divides", choices({"paper", "joint", "grad_only"}));
      f("lr_in_buffer", lr_in_buffer, "lr enters the velocity (paper) instead of multiplying it");
      f("larc_clip", larc_clip, "never exceed the global lr in a layer");
    }
  };

  static double local_rate(const Param& p, const Options& o, double lr) {
    const double nw = norm(p.data), ng = norm(p.grad);
    if (!(nw > 0 && ng > 0)) return 1;
    const double divisor = o.norm_mode == "paper"   ? ng + o.weight_decay * nw
                           : o.norm_mode == "joint" ? decayed_norm(p.data, p.grad, o.weight_decay)
                                                    : ng;
    if (!(divisor + o.eps > 0)) return 1;
    const double local = o.trust_coefficient * nw / (divisor + o.eps);
    return o.larc_clip && lr > 0 ? std::min(local / lr, 1.0) : local;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const bool plain = o.exclude_1d && is_excluded(p);
    const real l2 = real(plain ? 0 : o.weight_decay), mu = real(o.momentum);
    const real local = real(plain ? 1 : local_rate(p, o, lr));
    const real in = o.lr_in_buffer ? real(lr) : real(1), out = o.lr_in_buffer ? real(1) : real(lr);
    const bool nesterov = o.nesterov;
    for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
      const real d = in * (local * (g + l2 * w));
      v = mu * v + d;
      w -= out * (nesterov ? mu * v + d : v);
    });
  }
};

}  // namespace

OptimizerEntry lars() {
  return rule_entry<Lars>({"lars", "momentum with a rate per layer proportional to ||w||/||g||",
                           "You, Gitman, Ginsburg, 2017, arXiv 1708.03888", 2});
}

}  // namespace gradus::rules
