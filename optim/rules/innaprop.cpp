// INNAprop.
// Paper: Bolte, Boustany, Pauwels, Purica, "A second-order-like optimizer with adaptive gradient scaling for deep
//        learning", 2024, arXiv 2410.05871.
//   w <- w - lr*weight_decay*w
//   v = sigma*v + (1-sigma)*g^2;   d = g/(sqrt(v/(1-sigma^t)) + eps)
// form psi (needs beta > lr), psi = (1-alpha*beta)*w before the first step:
//   psi = (1 - lr/beta)*psi + lr*(1/beta - alpha)*w
//   w <- (1 + lr*(1-alpha*beta)/(beta-lr))*w - lr/(beta-lr)*psi - lr*beta*d
// form momentum:
//   u = (1 - alpha*lr)*u + lr^2*(1-alpha*beta)/(1-alpha*lr)*d
//   w <- w - u - lr*(beta-lr)/(1-alpha*lr)*d
// Both give the same iterates without decay at constant lr. The coefficients use the scheduled lr.
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct InnaProp {
  struct Options {
    double lr = 1e-3, alpha = 0.1, beta = 0.9, sigma = 0.999, eps = 1e-8, weight_decay = 0.01;
    std::string form = "psi";
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("alpha", alpha, "viscous damping", at_least(0));
      f("beta", beta, "Newton-like damping", positive());
      f("sigma", sigma, "decay of the mean of squared gradients", decay_rate());
      f("eps", eps, "added to the bias-corrected root", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
      f("form", form, "which variable is kept", choices({"psi", "momentum"}));
    }
  };

  static constexpr bool kDecoupled = true;
  static void check(const Options& o) { check(o, o.lr); }
  static void check(const Options& o, double lr) {
    if (o.form == "psi" && !(o.beta > lr))
      fail<UsageError>("optimizer innaprop: form psi needs beta > lr, but beta = {}, lr = {}", o.beta, lr);
    if (o.form == "momentum" && !(o.alpha * lr < 1))
      fail<UsageError>("optimizer innaprop: form momentum needs alpha*lr < 1, but alpha = {}, lr = {}",
                       o.alpha, lr);
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale, a = o.alpha, b = o.beta;
    check(o, lr);
    const real keep = Decay::decoupled(o.weight_decay, lr).keep;
    const real root = real(1 / std::sqrt(bias_correction(o.sigma, k.t))), eps = real(o.eps);
    const Ema mean(o.sigma);
    const auto direction = [=](real g, real& v) {
      v = mean(v, g * g);
      return g / (std::sqrt(v) * root + eps);
    };
    if (o.form == "psi") {
      if (!s.has("psi"))
        for_each_element(s("psi"), std::as_const(p.data),
                         [c = real(1 - a * b)](real& psi, real w) { psi = c * w; });
      const real stay = real(1 - lr / b), pull = real(lr * (1 / b - a));
      const real of_w = real(1 + lr * (1 - a * b) / (b - lr)), of_psi = real(lr / (b - lr)),
                 of_d = real(lr * b);
      for_each_element(p.data, p.grad, s("v"), s("psi"), [=](real& w, real g, real& v, real& psi) {
        const real d = direction(g, v);
        w *= keep;
        psi = stay * psi + pull * w;
        w = of_w * w - of_psi * psi - of_d * d;
      });
    } else {
      const real stay = real(1 - a * lr), into = real(lr * lr * (1 - a * b) / (1 - a * lr));
      const real of_d = real(lr * (b - lr) / (1 - a * lr));
      for_each_element(p.data, p.grad, s("v"), s("u"), [=](real& w, real g, real& v, real& u) {
        const real d = direction(g, v);
        u = stay * u + into * d;
        w = keep * w - u - of_d * d;
      });
    }
  }
};

}  // namespace

OptimizerEntry innaprop() {
  return rule_entry<InnaProp>({"innaprop", "inertial Newton dynamics on RMSprop-scaled gradients",
                               "Bolte, Boustany, Pauwels, Purica, 2024, arXiv 2410.05871"});
}

}  // namespace gradus::rules
