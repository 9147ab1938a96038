// LaProp: momentum of normalised gradients.
// Paper: Ziyin, Wang, Ueda, "LaProp: Separating Momentum and Adaptivity in Adam", 2020, arXiv 2002.04839.
//   v = beta2*v + (1-beta2)*g^2;   d = v
//   centered: a = beta2*a + (1-beta2)*g, and from step steps_before_centered+1 on d = v - a^2
//   amsgrad (not while centering waits): vmax = max(vmax, d), d = vmax
//   m = beta1*m + (1-beta1)*lr*g/(sqrt(d/(1-beta2^t)) + eps);   l = beta1*l + (1-beta1)*lr
//   w <- w - m*lr/l   (lr = 0: w - m);   then w <- w - lr*weight_decay*w  (fixed_decay: without lr, the authors' form)
// The gradient is divided before it is averaged, with the lr of its own step.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct LaProp {
  struct Options : MomentOptions {
    bool centered = false, amsgrad = false, fixed_decay = false;
    int64 steps_before_centered = 10;
    Options() { lr = 4e-4, eps = 1e-15; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("centered", centered, "divide by the variance instead of the second moment");
      f("steps_before_centered", steps_before_centered, "steps by the second moment before that",
        at_least(0));
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
      f("fixed_decay", fixed_decay, "decay by weight_decay itself, without lr");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    double& mean_lr = s.scalar("l");
    mean_lr = o.beta1 * mean_lr + (1 - o.beta1) * lr;
    const Ema second(o.beta2);
    const real keep1 = real(o.beta1), take1 = real((1 - o.beta1) * lr),
               step = real(lr > 0 ? lr / mean_lr : 1);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const real keep = Decay::decoupled(o.weight_decay, o.fixed_decay ? 1 : lr).keep;
    const bool waiting = o.centered && k.t <= o.steps_before_centered, centers = o.centered && !waiting;
    const auto move = [=](real& w, real g, real& m, real d) {
      m = keep1 * m + take1 * g / (std::sqrt(d) * root + eps);
      w = keep * (w - step * m);
    };
    const auto deviation = [=](real g, real& v, real& a) {
      v = second(v, g * g);
      a = second(a, g);
      return centers ? v - a * a : v;
    };
    const bool largest = o.amsgrad && !waiting;
    if (o.centered && largest)
      for_each_element(p.data, p.grad, s("m"), s("v"), s("a"), s("vmax"),
                       [=](real& w, real g, real& m, real& v, real& a, real& top) {
                         top = std::max(top, deviation(g, v, a));
                         move(w, g, m, top);
                       });
    else if (o.centered)
      for_each_element(
          p.data, p.grad, s("m"), s("v"), s("a"),
          [=](real& w, real g, real& m, real& v, real& a) { move(w, g, m, deviation(g, v, a)); });
    else if (largest)
      for_each_element(p.data, p.grad, s("m"), s("v"), s("vmax"),
                       [=](real& w, real g, real& m, real& v, real& top) {
                         v = second(v, g * g);
                         top = std::max(top, v);
                         move(w, g, m, top);
                       });
    else
      for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
        v = second(v, g * g);
        move(w, g, m, v);
      });
  }
};

}  // namespace

OptimizerEntry laprop() {
  return rule_entry<LaProp>(
      {"laprop", "momentum of normalised gradients", "Ziyin, Wang, Ueda, 2020, arXiv 2002.04839"});
}

}  // namespace gradus::rules
