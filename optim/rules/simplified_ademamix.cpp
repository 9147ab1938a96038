// Simplified-AdEMAMix.
// Paper: Morwani, Vyas, Zhang, Kakade, "Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD
//        Variants", 2025, arXiv 2502.02431.
//   t < beta1_warmup: f(b) = ln(0.5)/ln(b + 1e-8) - 1,  a = t/beta1_warmup,  h = (1-a)*f(min_beta1) + a*f(beta1),
//                     beta1_t = 0.5^(1/(h+1));   else beta1_t = beta1
//   w <- w - lr*weight_decay*w
//   m = beta1_t*m + g                       (no 1-beta1);   v = beta2*v + (1-beta2)*g^2
//   w <- w - lr*(alpha*g + m)/(sqrt(v/(1-beta2^t)) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct SimplifiedAdEmaMix {
  struct Options : MomentOptions {
    double alpha = 0, beta1_warmup = 0, min_beta1 = 0.9;
    Options() { lr = 1e-4, beta1 = 0.99, beta2 = 0.95; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("alpha", alpha, "weight of the gradient beside the sum", at_least(0));
      f("beta1_warmup", beta1_warmup, "steps over which beta1 grows", at_least(0));
      f("min_beta1", min_beta1, "where it grows from", decay_rate());
    }
    double beta1_at(double t) const {
      if (t >= beta1_warmup) return beta1;
      const auto f = [](double b) { return std::log(0.5) / std::log(b + 1e-8) - 1; };
      const double a = t / beta1_warmup, h = (1 - a) * f(min_beta1) + a * f(beta1);
      return std::pow(0.5, 1 / (h + 1));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, step = real(lr), eps = real(o.eps);
    const real b1 = real(o.beta1_at(static_cast<double>(k.t))), alpha = real(o.alpha),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    const Ema second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = b1 * m + g;
      v = second(v, g * g);
      w = keep * w - step * (alpha * g + m) / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry simplified_ademamix() {
  return rule_entry<SimplifiedAdEmaMix>({"simplified-ademamix", "AdEMAMix with one slow sum and the gradient",
                                         "Morwani et al., 2025, arXiv 2502.02431"});
}

}  // namespace gradus::rules
