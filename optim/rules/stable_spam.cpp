// Stable-SPAM: Adam on gradients clipped by their running maximum and scaled by their running norm.
// Paper: Huang et al., "Stable-SPAM: How to Train in 4-Bit More Stably than 16-Bit Adam", 2025, arXiv 2502.17055.
//   w <- w - lr*weight_decay*w;   k = k + 1
//   f = 1 if total_steps = 0, eta_min if t >= total_steps, else eta_min + (1-eta_min)*(1 + cos(pi*t/(total_steps+1)))/2
//   M = max |g|;   a = theta*a + (1-theta)*M;   cap = a/(1-theta^k);   where |g| > cap: g = g/M*cap
//   q = ||g||;   p = gamma1*f*p + (1-gamma1*f)*q;   r = gamma2*r + (1-gamma2)*q^2
//   g = g/q * (p/(1-(gamma1*f)^k))/(sqrt(r/(1-gamma2^k)) + eps)
//   t a multiple of reset_every (0: never): m = v = 0, k = 1
//   b = beta1*f;   m = b*m + (1-b)*g;   v = beta2*v + (1-beta2)*g^2
//   w <- w - lr*(m/(1-b^k))/(sqrt(v/(1-beta2^k)) + eps)
// a, p, r are numbers of a tensor and outlive resets. Departure: in the step of a reset the released code still uses the old
// moments, with the corrections of a first step; here they are zero before it, as the paper says.
#include <cmath>
#include <numbers>

#include "optim/rules/matrix_zoo.h"
#include "optim/vocabulary/largest.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct StableSpam {
  struct Options : MomentOptions {
    double gamma1 = 0.7, gamma2 = 0.9, theta = 0.999, eta_min = 0.5;
    int64 total_steps = 0, reset_every = 1000;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("gamma1", gamma1, "decay of the mean norm", decay_rate());
      f("gamma2", gamma2, "decay of the mean squared norm", decay_rate());
      f("theta", theta, "decay of the mean maximum", decay_rate());
      f("total_steps", total_steps, "steps over which beta1 and gamma1 fall; 0: they stay", at_least(0));
      f("eta_min", eta_min, "what is left of them in the end", between(0, 1));
      f("reset_every", reset_every, "steps between resets of the moments; 0: none", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;

  static double fading(const Options& o, int64 t) {
    if (o.total_steps == 0) return 1;
    if (t >= o.total_steps) return o.eta_min;
    const double angle = std::numbers::pi * static_cast<double>(t) / static_cast<double>(o.total_steps + 1);
    return o.eta_min + (1 - o.eta_min) * (1 + std::cos(angle)) / 2;
  }
  static double& follow(double& mean, double decay, double x) {
    return mean = decay * mean + (1 - decay) * x;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& info) {
    const double f = fading(o, info.t), lr = o.lr * info.lr_scale,
                 top = static_cast<double>(largest_size(p.grad));
    double& steps = s.scalar("k");
    auto k = static_cast<int64>(steps += 1);
    const double cap = follow(s.scalar("a"), o.theta, top) / bias_correction(o.theta, k);
    const real most = real(cap), shrink = real(top > 0 ? cap / top : 0);
    const auto clipped = [=](real g) { return std::abs(g) > most ? shrink * g : g; };
    const double q = std::sqrt(sum_elements(p.grad, [=](real g) {
      const double x = static_cast<double>(clipped(g));
      return x * x;
    }));
    const double gamma1 = o.gamma1 * f, mean = follow(s.scalar("p"), gamma1, q) / bias_correction(gamma1, k),
                 square = follow(s.scalar("r"), o.gamma2, q * q) / bias_correction(o.gamma2, k);
    const real factor = real(q > 0 ? mean / (std::sqrt(square) + o.eps) / q : 0);
    Tensor &m = s("m"), &v = s("v");
    if (o.reset_every > 0 && info.t % o.reset_every == 0) {
      m.fill(0);
      v.fill(0);
      steps = 1;
      k = 1;
    }
    const double b = o.beta1 * f;
    const Ema first(b), second(o.beta2);
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr / bias_correction(b, k)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k))), eps = real(o.eps);
    for_each_element(p.data, p.grad, m, v, [=](real& w, real g, real& a, real& c) {
      const real x = factor * clipped(g);
      a = first(a, x);
      c = second(c, x * x);
      w = keep * w - step * a / (root * std::sqrt(c) + eps);
    });
  }
};

}  // namespace

OptimizerEntry stable_spam() {
  return rule_entry<StableSpam>({"stable-spam",
                                 "Adam on gradients clipped by their maximum, scaled by their norm so far",
                                 "Huang et al., 2025, arXiv 2502.17055", 2});
}

}  // namespace gradus::rules
