// SWATS.
// Paper: Keskar, Socher, "Improving Generalization Performance by Switching from Adam to SGD", 2017,
//        arXiv 1712.07628, Algorithm 1.
//   g <- g + weight_decay*w
// Adam phase, k = 1, 2, ...:
//   m = beta1*m + (1-beta1)*g;  a = beta2*a + (1-beta2)*g^2
//   p = -lr*sqrt(1-beta2^k)/(1-beta1^k) * m/(sqrt(a) + eps);   w <- w + p
//   if p.g != 0: gamma = p.p/(-p.g);  lam = beta2*lam + (1-beta2)*gamma;  lamhat = lam/(1-beta2^k)
//     k >= max(2, switch_after), lamhat > 0, |lamhat - gamma| < switch_tol_abs + switch_tol_rel*lamhat:
//       from now on SGD, Lam = lamhat
// SGD phase:
//   v = beta1*v + g;   w <- w - (1-beta1)*Lam*v,  nesterov: w - (1-beta1)*Lam*(g + beta1*v)
//   Lam follows the schedule relative to its value at the switch.
// Dot products run over all parameters, one lam and one switch (scope = global), or over each tensor (per_tensor). The
// guard lamhat > 0, switch_after and the relative tolerance are not in the paper; its tolerance is switch_tol_abs = 1e-9.
#include <algorithm>

#include "optim/rules/rules.h"
#include "optim/vocabulary/sums.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct Swats {
  struct Options {
    double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-9, weight_decay = 0, switch_tol_abs = 1e-9,
           switch_tol_rel = 0;
    int64 switch_after = 0;
    std::string scope = "global";
    bool nesterov = false;
    void visit(auto&& f) {
      f("lr", lr, "step size of the Adam phase", positive());
      f("beta1", beta1, "decay of the gradient mean, momentum of SGD", decay_rate());
      f("beta2", beta2, "decay of the second moment and of lam", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
      f("switch_tol_abs", switch_tol_abs, "absolute tolerance of the trigger", at_least(0));
      f("switch_tol_rel", switch_tol_rel, "tolerance relative to lam", at_least(0));
      f("switch_after", switch_after, "least number of steps of Adam", at_least(0));
      f("scope", scope, "what the dot products run over", choices({"global", "per_tensor"}));
      f("nesterov", nesterov, "Nesterov's form in the SGD phase");
    }
  };
  using Items = std::vector<Item<Options>*>;
  static void step(Pass<Options>& all) {
    Items together;
    for (auto& item : all.items) {
      if (item.o.scope == "global")
        together.push_back(&item);
      else
        step_unit({&item}, item.s, item.o, item.t, all.info.lr_scale);
    }
    if (!together.empty()) step_unit(together, all.shared, all.options, all.info.step, all.info.lr_scale);
  }

  // The tensors of one lam. `k` counts the steps of the unit.
  static void step_unit(const Items& items, State& unit, const Options& o, int64 k, double scale) {
    if (unit.scalar("sgd") != 0) {
      const double lam = unit.scalar("Lam") * scale / unit.scalar("scale_at_switch");
      for (auto* item : items) sgd_step(*item, lam);
      return;
    }
    double pp = 0, pg = 0;
    for (auto* item : items) {
      const auto [p_p, p_g] = adam_step(*item, scale);
      pp += p_p, pg += p_g;
    }
    if (pg == 0) return;
    const double gamma = pp / -pg;
    double& lam = unit.scalar("lam");
    lam = o.beta2 * lam + (1 - o.beta2) * gamma;
    const double estimate = lam / bias_correction(o.beta2, k);
    if (k >= std::max<int64>(2, o.switch_after) && estimate > 0 &&
        std::abs(estimate - gamma) < o.switch_tol_abs + o.switch_tol_rel * estimate) {
      unit.scalar("sgd") = 1;
      unit.scalar("Lam") = estimate;
      unit.scalar("scale_at_switch") = scale;
    }
  }

  // w <- w + p; gives p.p and p.g.
  static std::array<double, 2> adam_step(Item<Options>& item, double scale) {
    const Options& o = item.o;
    const real step = real(efficient_step(o.lr * scale, o.beta1, o.beta2, item.t));
    const real eps = real(o.eps), l2 = real(o.weight_decay);
    const Ema first(o.beta1), second(o.beta2);
    return for_each_with_sums<2>(item.p.data, item.p.grad, item.s("m"), item.s("a"),
                                 [=](real& w, real g, real& m, real& a, double& pp, double& pg) {
                                   g += l2 * w;
                                   m = first(m, g);
                                   a = second(a, g * g);
                                   const real p = -step * m / (std::sqrt(a) + eps);
                                   w += p;
                                   pp = double(p) * double(p);
                                   pg = double(p) * double(g);
                                 });
  }

  static void sgd_step(Item<Options>& item, double lam) {
    const Options& o = item.o;
    const real l2 = real(o.weight_decay), mu = real(o.beta1), lr = real((1 - o.beta1) * lam);
    const real of_g = real(o.nesterov), of_v = o.nesterov ? mu : real(1);
    for_each_element(item.p.data, item.p.grad, item.s("v"), [=](real& w, real g, real& v) {
      g += l2 * w;
      v = mu * v + g;
      w -= lr * (of_g * g + of_v * v);
    });
  }
};

}  // namespace

OptimizerEntry swats() {
  return rule_entry<Swats>({"swats", "Adam that switches to SGD when it has found SGD's step size",
                            "Keskar, Socher, 2017, arXiv 1712.07628"});
}

}  // namespace gradus::rules
