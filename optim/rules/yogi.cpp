// Yogi.
// Paper: Zaheer, Reddi, Sachan, Kale, Kumar, "Adaptive Methods for Nonconvex Optimization", NeurIPS 2018, Algorithm 2.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g
//   v = v - (1-beta2)*sign(v - g^2)*g^2                        v starts at initial_accumulator_value, m at 0
//   w <- w - lr * mhat/(sqrt(vhat) + eps),   mhat = m/(1-beta1^t),  vhat = v/(1-beta2^t)
// The paper corrects no bias (bias_correction = false); the usual code does.
#include "optim/rules/zoo.h"
#include "optim/vocabulary/filled.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct Yogi {
  struct Options : MomentOptions {
    double initial_accumulator_value = 1e-6;
    bool decoupled = false, bias_correction = true;
    Options() { lr = 0.01, eps = 1e-3; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("initial_accumulator_value", initial_accumulator_value, "v before the first step", at_least(0));
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
      f("bias_correction", bias_correction, "divide the moments by 1 - beta^t");
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, c1 = o.bias_correction ? bias_correction(o.beta1, k.t) : 1,
                 c2 = o.bias_correction ? bias_correction(o.beta2, k.t) : 1;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const Ema first(o.beta1);
    const real take = real(1 - o.beta2), step = real(lr / c1), root = real(1 / std::sqrt(c2)),
               eps = real(o.eps);
    Tensor& v = filled(s, "v", real(o.initial_accumulator_value));
    for_each_element(p.data, p.grad, s("m"), v, [=](real& w, real g, real& m, real& second) {
      g += decay.l2 * w;
      m = first(m, g);
      second -= take * sign(second - g * g) * (g * g);
      w = decay.keep * w - step * m / (std::sqrt(second) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry yogi() {
  return rule_entry<Yogi>(
      {"yogi", "Adam whose second moment moves by at most (1-beta2)*g^2", "Zaheer et al., NeurIPS 2018"});
}

}  // namespace gradus::rules
