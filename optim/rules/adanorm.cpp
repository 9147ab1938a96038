// AdamNorm: Adam whose gradient mean takes gradients of at least their usual norm.
// Paper: Dubey, Singh, Chaudhuri, "AdaNorm: Adaptive Gradient Norm Correction based Optimizer for CNNs", WACV 2023,
//        arXiv 2210.06364.
//   g <- g + weight_decay*w, or decoupled: w <- w - lr*weight_decay*w
//   n = ||g||;   e = gamma*e + (1-gamma)*n                       one number a tensor
//   s = g*e/n if e > n > 0, else g
//   m = beta1*m + (1-beta1)*s;   v = beta2*v + (1-beta2)*g^2
//   w <- w - lr * m/(1-beta1^t) / (sqrt(v/(1-beta2^t)) + eps)
#include "optim/rules/layer.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct AdaNorm {
  struct Options : MomentOptions {
    double gamma = 0.95;
    bool decoupled = false;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("gamma", gamma, "decay of the mean of gradient norms", decay_rate());
      f("decoupled", decoupled, "decay the weights directly instead of adding to the gradient");
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const Decay decay = Decay::of(o.weight_decay, lr, o.decoupled);
    const double n = decayed_norm(p.data, p.grad, static_cast<double>(decay.l2));
    double& e = s.scalar("e");
    e = o.gamma * e + (1 - o.gamma) * n;
    const Ema first(o.beta1), second(o.beta2);
    const real scale = real(e > n && n > 0 ? e / n : 1), eps = real(o.eps);
    const real step = real(lr / bias_correction(o.beta1, k.t)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      g += decay.l2 * w;
      m = first(m, scale * g);
      v = second(v, g * g);
      w = decay.keep * w - step * m / (std::sqrt(v) * root + eps);
    });
  }
};

}  // namespace

OptimizerEntry adanorm() {
  return rule_entry<AdaNorm>({"adanorm", "Adam that lifts small gradients to their usual norm",
                              "Dubey, Singh, Chaudhuri, WACV 2023, arXiv 2210.06364", 2});
}

}  // namespace gradus::rules
