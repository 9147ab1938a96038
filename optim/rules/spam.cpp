// SPAM: Adam that clips spikes of the gradient and forgets its moments now and then.
// Paper: Huang, Zhu, Jin, Liu, Wang, Liu, "SPAM: Spike-Aware Adam with Momentum Reset for Stable LLM Training", ICLR 2025,
//        arXiv 2501.06842.
//   k = t mod reset_every (reset_every 0: k = t);   k = 0: m = v = 0
//   threshold > 0, t >= wait_steps, k >= wait_steps: where g^2 > threshold*v (v of the step before),
//     g = sign(g)*sqrt(threshold*v)
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*g^2
//   f = 1 - 0.99*(1 + cos(pi*k/(warmup_steps+1)))/2 where t >= reset_every > 0 and k < warmup_steps, else 1
//   w <- w - lr*f*sqrt(1-beta2^t)/(1-beta1^t)*m/(sqrt(v) + eps);   w <- w - lr*weight_decay*w
// Corrections go by t, which no reset sets back. As published, an element whose gradient is zero throughout the wait (v = 0) is
// clipped to zero until the next reset; wait_steps >= 2, so that not all are. Departure: no sparse masks (density 1).
#include <cmath>
#include <numbers>

#include "optim/rules/matrix_zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct Spam {
  struct Options : MomentOptions {
    double threshold = 5000;
    int64 reset_every = 500, warmup_steps = 150, wait_steps = 20;
    Options() { eps = 1e-6; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("threshold", threshold, "largest square of an element's gradient in units of v; 0: any", at_least(0));
      f("reset_every", reset_every, "steps between resets of the moments; 0: none", at_least(0));
      f("warmup_steps", warmup_steps, "steps over which lr grows after a reset", at_least(0));
      f("wait_steps", wait_steps, "steps after the start or a reset before spikes are clipped", at_least(2));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& info) {
    const int64 t = info.t, k = o.reset_every > 0 ? t % o.reset_every : t;
    Tensor &m = s("m"), &v = s("v");
    if (o.reset_every > 0 && k == 0) {
      m.fill(0);
      v.fill(0);
    }
    const bool after_reset = o.reset_every > 0 && t >= o.reset_every;
    const double f = after_reset && k < o.warmup_steps
                         ? 1 - 0.99 *
                                   (1 + std::cos(std::numbers::pi * static_cast<double>(k) /
                                                 static_cast<double>(o.warmup_steps + 1))) /
                                   2
                         : 1;
    const bool clips = o.threshold > 0 && t >= o.wait_steps && k >= o.wait_steps;
    const double lr = o.lr * info.lr_scale;
    const real step = real(efficient_step(lr * f, o.beta1, o.beta2, t)), eps = real(o.eps),
               keep = Decay::decoupled(o.weight_decay, lr).keep;
    const Ema first(o.beta1), second(o.beta2);
    const auto adam = [=](real& w, real g, real& a, real& b) {
      a = first(a, g);
      b = second(b, g * g);
      w = keep * (w - step * a / (std::sqrt(b) + eps));
    };
    if (clips)
      for_each_element(p.data, p.grad, m, v,
                       [=, most = real(o.threshold)](real& w, real g, real& a, real& b) {
                         const real largest = most * b;
                         adam(w, g * g > largest ? sign(g) * std::sqrt(largest) : g, a, b);
                       });
    else
      for_each_element(p.data, p.grad, m, v, adam);
  }
};

}  // namespace

OptimizerEntry spam() {
  return rule_entry<Spam>({"spam", "Adam that clips spikes and forgets its moments now and then",
                           "Huang, Zhu, Jin, Liu, Wang, Liu, ICLR 2025, arXiv 2501.06842"});
}

}  // namespace gradus::rules
