// Adan.
// Paper: Xie, Zhou, Li, Lin, Yan, "Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models",
//        IEEE TPAMI 2024, arXiv 2208.06677, Algorithm 1.
//   max_grad_norm > 0: all g <- g * min(1, max_grad_norm/(norm over all parameters + eps))
//   diff = g - g_prev, 0 at the first step;  g_prev = g
//   m = beta1*m + (1-beta1)*g;  d = beta2*d + (1-beta2)*diff;  n = beta3*n + (1-beta3)*(g + beta2*diff)^2
//   u = ( m/(1-beta1^t) + beta2*d/(1-beta2^t) ) / ( sqrt(n/(1-beta3^t)) + eps )
//   w <- (w - lr*u)/(1 + lr*weight_decay), or no_prox: w <- w*(1 - lr*weight_decay) - lr*u
//   restart_every = r: before steps r+1, 2r+1, ... t, m, d, n are as at the start
// Betas are decay rates, as in the authors' code (the paper's are 1 minus these), and so are the bias corrections.
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Adan {
  struct Options {
    double lr = 1e-3, beta1 = 0.98, beta2 = 0.92, beta3 = 0.99, eps = 1e-8, weight_decay = 0,
           max_grad_norm = 0;
    bool no_prox = false;
    int64 restart_every = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of gradient differences, and their weight", decay_rate());
      f("beta3", beta3, "decay of the second moment", decay_rate());
      f("eps", eps, "added to the bias-corrected root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      f("max_grad_norm", max_grad_norm, "largest norm of all gradients together; 0: not clipped",
        at_least(0));
      f("no_prox", no_prox, "AdamW's decay instead of the proximal one");
      f("restart_every", restart_every, "steps between restarts; 0: none", at_least(0));
    }
  };

  /// The norm of all gradients of all groups, where a group clips by it.
  static double prepare(Pass<Options>& all) {
    double square = 0;
    for (const auto& item : all.items)
      if (std::any_of(all.items.begin(), all.items.end(), [](auto& i) { return i.o.max_grad_norm > 0; }))
        square += sum_of_squares(item.p.grad);
    return std::sqrt(square);
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k, double norm) {
    const double lr = o.lr * k.lr_scale;
    const int64 t = o.restart_every > 0 ? (k.t - 1) % o.restart_every + 1 : k.t;
    const real changed = real(t > 1);  // 0 at the start, when there is no gradient to compare with
    if (t == 1)
      for (const char* slot : {"m", "d", "n"}) s(slot).fill(0);
    const real clip = real(o.max_grad_norm > 0 ? std::min(1.0, o.max_grad_norm / (norm + o.eps)) : 1.0);
    const real of_m = real(lr / bias_correction(o.beta1, t)),
               of_d = real(lr * o.beta2 / bias_correction(o.beta2, t));
    const real root = real(1 / std::sqrt(bias_correction(o.beta3, t))), eps = real(o.eps), b2 = real(o.beta2);
    const real before = o.no_prox ? real(1 - lr * o.weight_decay) : real(1);
    const real after = o.no_prox ? real(1) : real(1 / (1 + lr * o.weight_decay));
    const Ema first(o.beta1), second(o.beta2), third(o.beta3);
    for_each_element(p.data, p.grad, s("m"), s("d"), s("n"), s("g_prev"),
                     [=](real& w, real g, real& m, real& d, real& n, real& g_prev) {
                       g *= clip;
                       const real diff = changed * (g - g_prev);
                       g_prev = g;
                       m = first(m, g);
                       d = second(d, diff);
                       n = third(n, square(g + b2 * diff));
                       const real u = (of_m * m + of_d * d) / (std::sqrt(n) * root + eps);
                       w = (before * w - u) * after;
                     });
  }
};

}  // namespace

OptimizerEntry adan() {
  return rule_entry<Adan>({"adan", "Nesterov momentum from differences of successive gradients",
                           "Xie, Zhou, Li, Lin, Yan, IEEE TPAMI 2024, arXiv 2208.06677"});
}

}  // namespace gradus::rules
