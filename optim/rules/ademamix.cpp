// AdEMAMix.
// Paper: Pagliardini, Ablin, Grangier, "The AdEMAMix Optimizer: Better, Faster, Older", 2024, arXiv 2409.03137,
//        Algorithm 1 and its schedulers.
//   alpha_t = alpha * min(1, t/alpha_warmup)
//   beta3_t = beta3 from t = beta3_warmup on; before, linear in half-life from beta1's to beta3's:
//             f(b) = ln(1/2)/ln(b + 1e-8) - 1, tau = (1-a)*f(beta1) + a*f(beta3), a = t/beta3_warmup,
//             beta3_t = (1/2)^(1/(tau+1))
//   m1 = beta1*m1 + (1-beta1)*g;  m2 = beta3_t*m2 + (1-beta3_t)*g;  v = beta2*v + (1-beta2)*g^2
//   u = ( m1/(1-beta1^t) + alpha_t*m2 ) / ( sqrt(v/(1-beta2^t)) + eps )          (m2 is not bias-corrected)
//   w <- w - lr*(u + weight_decay*w)
// With beta1 = 0, m1 = g is not stored.
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct AdEmaMix {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, beta3 = 0.9999, alpha = 2;
    int64 alpha_warmup = 0, beta3_warmup = 0;
    double eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the fast gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("beta3", beta3, "decay of the slow gradient mean", decay_rate());
      f("alpha", alpha, "weight of the slow mean", at_least(0));
      f("alpha_warmup", alpha_warmup, "steps in which alpha grows; 0: none", at_least(0));
      f("beta3_warmup", beta3_warmup, "steps in which beta3 grows; 0: none", at_least(0));
      f("eps", eps, "added to the bias-corrected root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };

  static constexpr bool kDecoupled = true;
  static double alpha_at(const Options& o, int64 t) {
    return t < o.alpha_warmup ? o.alpha * static_cast<double>(t) / static_cast<double>(o.alpha_warmup)
                              : o.alpha;
  }
  static double beta3_at(const Options& o, int64 t) {
    if (t >= o.beta3_warmup) return o.beta3;
    const auto half_life = [](double b) { return std::log(0.5) / std::log(b + 1e-8) - 1; };
    const double a = static_cast<double>(t) / static_cast<double>(o.beta3_warmup);
    return std::pow(0.5, 1 / ((1 - a) * half_life(o.beta1) + a * half_life(o.beta3) + 1));
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real fast = real(1 / bias_correction(o.beta1, k.t)), slow = real(alpha_at(o, k.t)), step = real(lr);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const real keep = Decay::decoupled(o.weight_decay, lr).keep;
    const Ema first(o.beta1), second(o.beta2), third(beta3_at(o, k.t));
    const auto move = [=](real& w, real g, real m1, real& m2, real& v) {
      m2 = third(m2, g);
      v = second(v, g * g);
      w = keep * w - step * (fast * m1 + slow * m2) / (std::sqrt(v) * root + eps);
    };
    if (o.beta1 == 0)
      for_each_element(p.data, p.grad, s("m2"), s("v"),
                       [=](real& w, real g, real& m2, real& v) { move(w, g, g, m2, v); });
    else
      for_each_element(p.data, p.grad, s("m1"), s("m2"), s("v"),
                       [=](real& w, real g, real& m1, real& m2, real& v) {
                         m1 = first(m1, g);
                         move(w, g, m1, m2, v);
                       });
  }
};

}  // namespace

OptimizerEntry ademamix() {
  return rule_entry<AdEmaMix>({"ademamix", "Adam with a second, very slow gradient mean",
                               "Pagliardini, Ablin, Grangier, 2024, arXiv 2409.03137"});
}

}  // namespace gradus::rules
