// TAM and AdaTAM: torque-aware momentum.
// Paper: Malviya, Mordido, Baratin, Harikandeh, Dziugaite, Pascanu, Chandar, "Torque-Aware Momentum", 2024,
//        arXiv 2412.18790.
//   w <- w - lr*weight_decay*w
//   c = decay_rate*c + (1-decay_rate)*cos(m, g)       one number a tensor, old m; cos = 0 where a norm is 0
//   d = (1 + c)/2 + eps
//   tam:    m = momentum*m + d*g;   w <- w - lr*m
//   adatam: m = beta1*m + d*g;   v = beta2*v + (1-beta2)*g^2;   w <- w - lr*m/(sqrt(v) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {
namespace {

/// d, with the running cosine in the state.
real damping(const Param& p, State& s, double decay_rate, double eps) {
  const auto [mg, mm, gg] = for_each_with_sums<3>(
      std::as_const(s("m")), p.grad, [](real m, real g, double& a, double& b, double& c) {
        const double x = static_cast<double>(m), y = static_cast<double>(g);
        a = x * y, b = x * x, c = y * y;
      });
  double& c = s.scalar("c");
  c = decay_rate * c + (1 - decay_rate) * (mm > 0 && gg > 0 ? mg / (std::sqrt(mm) * std::sqrt(gg)) : 0);
  return real((1 + c) / 2 + eps);
}

struct Tam {
  struct Options {
    double lr = 1e-3, momentum = 0.9, decay_rate = 0.9, eps = 1e-8, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "step size", positive());
      f("momentum", momentum, "share of the velocity that is kept", gradus::decay_rate());
      f("decay_rate", decay_rate, "decay of the mean cosine", gradus::decay_rate());
      f("eps", eps, "least share of a gradient that is taken", epsilon());
      f("weight_decay", weight_decay, "decoupled weight decay", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real d = damping(p, s, o.decay_rate, o.eps), mu = real(o.momentum), step = real(lr),
               keep = Decay::decoupled(o.weight_decay, lr).keep;
    for_each_element(p.data, p.grad, s("m"), [=](real& w, real g, real& m) {
      m = mu * m + d * g;
      w = keep * w - step * m;
    });
  }
};

struct AdaTam {
  struct Options : MomentOptions {
    double decay_rate = 0.9;
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("decay_rate", decay_rate, "decay of the mean cosine", gradus::decay_rate());
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double lr = o.lr * k.lr_scale;
    const real d = damping(p, s, o.decay_rate, o.eps), b1 = real(o.beta1), step = real(lr), eps = real(o.eps),
               keep = Decay::decoupled(o.weight_decay, lr).keep;
    const Ema second(o.beta2);
    for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
      m = b1 * m + d * g;
      v = second(v, g * g);
      w = keep * w - step * m / (std::sqrt(v) + eps);
    });
  }
};

}  // namespace

OptimizerEntry tam() {
  return rule_entry<Tam>({"tam", "momentum that takes less of gradients which turn away from it",
                          "Malviya et al., 2024, arXiv 2412.18790", 2});
}
OptimizerEntry adatam() {
  return rule_entry<AdaTam>(
      {"adatam", "Adam with torque-aware momentum", "Malviya et al., 2024, arXiv 2412.18790", 2});
}

}  // namespace gradus::rules
