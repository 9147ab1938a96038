// Eve: Adam that looks at how the loss moves.
// Paper: Koushik, Hayashi, "Improving Stochastic Gradient Descent with Feedback", 2016, arXiv 1611.01505.
//   d = 1 in step 1, then d = beta3*d + (1-beta3)*clamp(|f - f_prev|/(min(f, f_prev) - f_star), 1/c, c)        f: the loss
//   w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   w <- w - lr/d * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct Eve {
  struct Options : MomentOptions {
    double beta3 = 0.999, c = 10, f_star = 0;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("beta3", beta3, "decay of the mean change of the loss", decay_rate());
      f("c", c, "largest change that counts, and the inverse of the least", at_least(1));
      f("f_star", f_star, "a number below every loss");
    }
  };
  static constexpr bool kDecoupled = true;
  static Needs needs(const Options&) { return {.loss = true}; }
  /// d.
  static double prepare(Pass<Options>& pass) {
    const Options& o = pass.options;
    const double f = pass.info.loss;
    const double* before = pass.shared.find_scalar("f_prev");
    double& d = pass.shared.scalar("d", 1);
    if (before) {
      const double least = std::min(f, *before) - o.f_star;
      if (!(least > 0))
        fail<NumericError>("optimizer eve: f_star {} must lie below every loss, got {}", o.f_star,
                           least + o.f_star);
      d = o.beta3 * d + (1 - o.beta3) * std::clamp(std::abs(f - *before) / least, 1 / o.c, o.c);
    }
    pass.shared.scalar("f_prev") = f;
    return d;
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k, double d) {
    const double lr = o.lr * k.lr_scale;
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, eps = real(o.eps);
    const real step = real(lr / d / bias_correction(o.beta1, k.t)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      w = keep * w - step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry eve() {
  return rule_entry<Eve>(
      {"eve", "Adam whose step shrinks while the loss jumps", "Koushik, Hayashi, 2016, arXiv 1611.01505"});
}

}  // namespace gradus::rules
