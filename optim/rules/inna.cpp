// INNA.
// Paper: Castera, Bolte, Fevotte, Pauwels, "An Inertial Newton Algorithm for Deep Learning", JMLR 2021,
//        arXiv 1905.12278; form of the code of Bolte et al., 2024, arXiv 2410.05871.
//   w <- w - lr*weight_decay*w
//   phase = (alpha - 1/beta)*w + psi/beta                     psi = (1-alpha*beta)*w before the first step
//   psi <- psi - lr*phase
//   w <- w - lr*(phase + beta*g)
#include "optim/rules/rules.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Inna {
  struct Options {
    double lr = 0.01, alpha = 0.1, beta = 0.1, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("alpha", alpha, "viscous damping", at_least(0));
      f("beta", beta, "Newton-like damping", positive());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };

  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), keep = Decay::decoupled(o.weight_decay, o.lr * k.lr_scale).keep,
               beta = real(o.beta);
    const real of_w = real(o.alpha - 1 / o.beta), of_psi = real(1 / o.beta);
    if (!s.has("psi"))
      for_each_element(s("psi"), std::as_const(p.data),
                       [c = real(1 - o.alpha * o.beta)](real& psi, real w) { psi = c * w; });
    for_each_element(p.data, p.grad, s("psi"), [=](real& w, real g, real& psi) {
      w *= keep;
      const real phase = of_w * w + of_psi * psi;
      psi -= lr * phase;
      w -= lr * (phase + beta * g);
    });
  }
};

}  // namespace

OptimizerEntry inna() {
  return rule_entry<Inna>(
      {"inna", "inertial Newton dynamics", "Castera et al., JMLR 2021, arXiv 1905.12278"});
}

}  // namespace gradus::rules
