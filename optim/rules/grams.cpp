// Grams.
// Paper: Cao, Li, Song, "Grams: Gradient Descent with Adaptive Momentum Scaling", 2024, arXiv 2412.17107.
//   w <- w - lr*weight_decay*w
//   m = beta1*m + (1-beta1)*g;  v = beta2*v + (1-beta2)*g^2
//   a = lr*sqrt(1-beta2^t)/(1-beta1^t), or lr without correct_bias
//   w <- w - a * sign(g)*|m|/(sqrt(v) + eps)                  sign(0) = 0
// eps stands next to the uncorrected root, as in the authors' code (the paper: next to the corrected one).
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Grams {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0;
    bool correct_bias = true;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      f("correct_bias", correct_bias, "Adam's bias corrections");
    }
  };

  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real step = real(o.correct_bias ? efficient_step(lr, o.beta1, o.beta2, k.t) : lr),
               eps = real(o.eps);
    const Decay decay = Decay::decoupled(o.weight_decay, lr);
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      w = decay.keep * w - step * sign(g) * std::abs(m) / (std::sqrt(v) + eps);
    });
  }
};

}  // namespace

OptimizerEntry grams() {
  return rule_entry<Grams>(
      {"grams", "Adam's step sizes, the gradient's signs", "Cao, Li, Song, 2024, arXiv 2412.17107"});
}

}  // namespace gradus::rules
