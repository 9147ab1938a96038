// Polyak's step size for momentum: ALR-HB, ALR-MAG and their stochastic forms ALR-SHB, ALR-SMAG.
// Paper: Wang, Johansson, Zhang, "Generalized Polyak Step Size for First Order Optimization with Momentum", ICML
//        2023, arXiv 2305.12939.
//   Norms and products over all parameters; f the loss of the batch, f_star a bound of it.
//   alr-hb:   eta = (f - f_star + beta*<g, w - w'>)/||g||^2;   w <- w - eta*g + beta*(w - w')      w' the weights before
//   alr-mag:  d = beta*d + g;  eta = (f - f_star)/||d||^2;     w <- w - eta*d
//   alr-shb:  eta = min(lr, max(0, (f - f_star)/(c*||g||^2) + beta*<g, w - w'>/||g||^2)), then as alr-hb
//   alr-smag: d = beta*d + g;  tau = min(lr, max(0, (f - f_star)/(c*||d||^2)));  w <- (1 - weight_decay*tau)*w - tau*d
// ||g|| = 0 (||d|| = 0): eta = 0. The deterministic forms are not clamped: a negative eta brakes an overshoot.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct PolyakOptions {
  double lr = 0.1, beta = 0.9, c = 1, weight_decay = 0, f_star = 0;
  void visit_deterministic(auto&& f) {
    f("beta", beta, "momentum", decay_rate());
    f("f_star", f_star, "lower bound of the loss");
  }
  void visit_stochastic(auto&& f) {
    f("lr", lr, "largest step size", positive());
    visit_deterministic(f);
    f("c", c, "divides the step size", positive());
  }
};

// w <- w - eta*g + beta*(w - w'); bounds: 0..cap with the batch's constant c, or none.
template <class Options>
void heavy_ball(Pass<Options>& pass, bool stochastic) {
  const Options& o = pass.options;
  const double gg = total(pass, [](const auto& item) { return sum_of_squares(item.p.grad); });
  const double advance = total(pass, [](const auto& item) {
    const Tensor& before = item.s.starting_at("previous", item.p.data);
    return sum_elements(item.p.grad, item.p.data, before, [](real g, real w, real past) {
      return static_cast<double>(g) * (static_cast<double>(w) - static_cast<double>(past));
    });
  });
  double eta = 0;
  if (gg > 0) {
    eta = (pass.info.loss - o.f_star) / (stochastic ? o.c * gg : gg) + o.beta * advance / gg;
    if (stochastic) eta = std::clamp(eta, 0.0, o.lr * pass.info.lr_scale);
  }
  pass.shared.scalar("eta") = eta;
  for (auto& item : pass.items)
    for_each_element(item.p.data, item.p.grad, item.s("previous"),
                     [e = real(eta), b = real(item.o.beta)](real& w, real g, real& past) {
                       const real now = w;
                       w = now - e * g + b * (now - past);
                       past = now;
                     });
}

// w <- (1 - weight_decay*tau)*w - tau*d.
template <class Options>
void averaged_gradient(Pass<Options>& pass, bool stochastic) {
  const Options& o = pass.options;
  const double dd = total(pass, [](const auto& item) {
    Tensor& d = item.s("d");
    for_each_element(d, item.p.grad, [b = real(item.o.beta)](real& sum, real g) { sum = b * sum + g; });
    return sum_of_squares(d);
  });
  double tau = dd > 0 ? (pass.info.loss - o.f_star) / (stochastic ? o.c * dd : dd) : 0;
  if (stochastic) tau = std::clamp(tau, 0.0, o.lr * pass.info.lr_scale);
  pass.shared.scalar("eta") = tau;
  for (auto& item : pass.items) {
    const Tensor& d = item.s("d");
    for_each_element(item.p.data, d,
                     [keep = real(1 - item.o.weight_decay * tau), c = real(tau)](real& w, real x) {
                       w = keep * w - c * x;
                     });
  }
}

struct AlrHb {
  struct Options : PolyakOptions {
    void visit(auto&& f) { visit_deterministic(f); }
  };
  static Needs needs(const Options&) { return {.loss = true}; }
  static void step(Pass<Options>& pass) { heavy_ball(pass, false); }
};
struct AlrMag {
  struct Options : PolyakOptions {
    void visit(auto&& f) { visit_deterministic(f); }
  };
  static Needs needs(const Options&) { return {.loss = true}; }
  static void step(Pass<Options>& pass) { averaged_gradient(pass, false); }
};
struct AlrShb {
  struct Options : PolyakOptions {
    void visit(auto&& f) { visit_stochastic(f); }
  };
  static Needs needs(const Options&) { return {.loss = true}; }
  static void step(Pass<Options>& pass) { heavy_ball(pass, true); }
};
struct AlrSmag {
  struct Options : PolyakOptions {
    void visit(auto&& f) {
      visit_stochastic(f);
      f("weight_decay", weight_decay, "decoupled decay, times the step size found", at_least(0));
    }
  };
  static Needs needs(const Options&) { return {.loss = true}; }
  static void step(Pass<Options>& pass) { averaged_gradient(pass, true); }
};

constexpr const char* kPolyakPaper = "Wang, Johansson, Zhang, ICML 2023, arXiv 2305.12939";

}  // namespace

OptimizerEntry alr_hb() {
  return rule_entry<AlrHb>({"alr-hb", "heavy ball with Polyak's step size, deterministic", kPolyakPaper, 3});
}
OptimizerEntry alr_mag() {
  return rule_entry<AlrMag>(
      {"alr-mag", "summed gradients with Polyak's step size, deterministic", kPolyakPaper, 3});
}
OptimizerEntry alr_shb() {
  return rule_entry<AlrShb>({"alr-shb", "heavy ball with a capped Polyak step size", kPolyakPaper, 3});
}
OptimizerEntry alr_smag() {
  return rule_entry<AlrSmag>(
      {"alr-smag", "summed gradients with a capped Polyak step size", kPolyakPaper, 3});
}

}  // namespace gradus::rules
