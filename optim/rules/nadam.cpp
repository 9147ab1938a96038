// NAdam.
// Paper: Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 workshop. Details, and the schedule of mu,
//        as torch.optim.NAdam.
//   g <- g + weight_decay*w
//   mu_t = beta1*(1 - 0.96^(t*momentum_decay)/2),   M_t = mu_1 * ... * mu_t
//   m = beta1*m + (1-beta1)*g            v = beta2*v + (1-beta2)*g^2
//   w <- w - lr * ( (1-mu_t)/(1-M_t) * g + mu_{t+1}/(1-M_t*mu_{t+1}) * m ) / ( sqrt(v/(1-beta2^t)) + eps )
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct NAdam {
  struct Options {
    double lr = 2e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, momentum_decay = 4e-3;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the bias-corrected root", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("momentum_decay", momentum_decay, "how fast mu_t grows from beta1/2 to beta1", at_least(0));
    }
    double mu(int64 t) const {
      return beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * momentum_decay));
    }
  };

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    double& product = s.scalar("mu_product", 1);
    const double mu = o.mu(k.t), next = o.mu(k.t + 1), lr = o.lr * k.lr_scale;
    product *= mu;
    const real of_g = real(lr * (1 - mu) / (1 - product)), of_m = real(lr * next / (1 - product * next));
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t))), eps = real(o.eps);
    const real l2 = real(o.weight_decay);
    const Ema first(o.beta1), second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      g += l2 * w;
      m = first(m, g);
      v = second(v, g * g);
      w -= (of_g * g + of_m * m) / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry nadam() {
  return rule_entry<NAdam>(
      {"nadam", "Adam with Nesterov's momentum", "Dozat, ICLR 2016 workshop; form of torch.optim.NAdam"});
}

}  // namespace gradus::rules
