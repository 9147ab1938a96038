// Amos: Adam-like with adaptive weight decay towards the model's scale.
// Paper: Tian, Parikh, "Amos: An Adam-style Optimizer with Adaptive Weight Decay towards Model-Oriented Scale", 2022,
//        arXiv 2210.11693.
//   q = mean(g^2) over the tensor;   v = beta*v + (1-beta)*q;   r = (1-beta^t)/(v + eps);   b: one number, 0 at first
//   gamma = (1 + c_coef*sqrt(lr)*b)^(-1/2)*lr^2*r*q
//   u = (lr*eta*sqrt(r)*g + (gamma - extra_l2)/2*w)/(1 + d_coef*sqrt(lr*eta)*b);   b = b + gamma*(1 + b)
//   momentum > 0: u = m = momentum*m + (1-momentum)*u;   w <- w - u
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Amos {
  struct Options {
    double lr = 0.01, eta = 0.5, beta = 0.999, momentum = 0, extra_l2 = 0, c_coef = 0.25, d_coef = 0.25,
           eps = 1e-18;
    void visit(auto&& f) {
      f("lr", lr, "step size relative to eta", positive());
      f("eta", eta, "scale the weights of the tensor should have; by group", positive());
      f("beta", beta, "decay of the mean of squared gradients", decay_rate());
      f("momentum", momentum, "decay of the mean of steps", decay_rate());
      f("extra_l2", extra_l2, "taken from the decay", at_least(0));
      f("c_coef", c_coef, "how fast the decay falls", at_least(0));
      f("d_coef", d_coef, "how fast the step falls", at_least(0));
      f("eps", eps, "added to the second moment", epsilon());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 n = p.data.numel();
    if (n == 0) return;
    const double lr = o.lr * k.lr_scale, q = sum_of_squares(p.grad) / static_cast<double>(n);
    double &v = s.scalar("v"), &b = s.scalar("b");
    v = o.beta * v + (1 - o.beta) * q;
    const double r = bias_correction(o.beta, k.t) / (v + o.eps);
    const double gamma = lr * lr * r * q / std::sqrt(1 + o.c_coef * std::sqrt(lr) * b);
    const double divisor = 1 + o.d_coef * std::sqrt(lr * o.eta) * b;
    const real of_g = real(lr * o.eta * std::sqrt(r) / divisor),
               of_w = real((gamma - o.extra_l2) / 2 / divisor);
    b += gamma * (1 + b);
    if (o.momentum == 0)
      for_each_element(p.data, p.grad, [=](real& w, real g) { w -= of_g * g + of_w * w; });
    else
      for_each_element(p.data, p.grad, s("m"), [=, mean = Ema(o.momentum)](real& w, real g, real& m) {
        m = mean(m, of_g * g + of_w * w);
        w -= m;
      });
  }
};

}  // namespace

OptimizerEntry amos() {
  return rule_entry<Amos>({"amos", "steps and decay that lead to the scale the model should have",
                           "Tian, Parikh, 2022, arXiv 2210.11693", 1});
}

}  // namespace gradus::rules
