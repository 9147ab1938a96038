// TVLARS: LARS whose layer ratio decays in time, in place of a warm-up.
// Paper: Khoi Do et al., "Revisiting LARS for Large Batch Training Generalization of Neural Networks",
//        arXiv 2309.14053.
//   phi(t) = 1/(alpha + exp(lmbda*(t - delay))) + gamma_min
//   d = g + weight_decay*w
//   ratio = eta * phi(t) * ||w|| / ||d||      1 where a norm is 0;  d <- ratio*d
//   buffer:         mu = momentum*mu + d,  w <- w - lr*mu
//   extrapolation:  m' = w - lr*d,  w <- m' + momentum*(m' - m),  m <- m'    (m = w at the start)
// norm_mode: `joint` divides by ||d|| (the published code), `paper` by ||g|| + weight_decay*||w||.
// norm_clamp > 0 limits both norms (the published code: 10); the paper has none.
// The defaults are the published code's; its paper form is alpha=1, a delay, gamma_min > 0, norm_clamp=0.
// exp() is in double (the code's is in float32).
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/layer.h"

namespace gradus::rules {
namespace {

struct Tvlars {
  struct Options {
    double lr = 1, momentum = 0.9, weight_decay = 5e-4, eta = 1e-3, lmbda = 1e-3, alpha = 0.1, delay = 0,
           gamma_min = 0, norm_clamp = 10;
    bool weight_decay_filter = true, lars_adaptation_filter = true;
    std::string norm_mode = "joint", momentum_form = "buffer";
    void visit(auto&& f) {
      f("lr", lr, "global step size", positive());
      f("momentum", momentum, "momentum", decay_rate());
      f("weight_decay", weight_decay, "L2 penalty, inside the scaled gradient", at_least(0));
      f("eta", eta, "trust coefficient", positive());
      f("lmbda", lmbda, "rate at which the ratio decays, per step", at_least(0));
      f("alpha", alpha, "the ratio starts near 1/alpha", positive());
      f("delay", delay, "steps before the decay is half done", at_least(0));
      f("gamma_min", gamma_min, "floor of the decaying factor", at_least(0));
      f("norm_clamp", norm_clamp, "largest norm that counts; 0: no clamp", at_least(0));
      f("weight_decay_filter", weight_decay_filter, "no decay on biases and norm gains");
      f("lars_adaptation_filter", lars_adaptation_filter, "no ratio on biases and norm gains");
      f("norm_mode", norm_mode, "which norm divides", choices({"joint", "paper"}));
      f("momentum_form", momentum_form, "how momentum is written", choices({"buffer", "extrapolation"}));
    }
  };

  static double phi(const Options& o, int64 t) {
    return 1 / (o.alpha + std::exp(o.lmbda * (static_cast<double>(t) - o.delay))) + o.gamma_min;
  }

  static double ratio(const Param& p, const Options& o, double weight_decay, int64 t) {
    const auto clamp = [&](double n) { return o.norm_clamp > 0 ? std::min(n, o.norm_clamp) : n; };
    const double nw = norm(p.data);
    const double nd = o.norm_mode == "joint" ? decayed_norm(p.data, p.grad, weight_decay)
                                             : norm(p.grad) + weight_decay * nw;
    return nw > 0 && nd > 0 ? o.eta * phi(o, t) * clamp(nw) / clamp(nd) : 1;
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const bool vector = is_excluded(p);
    const double weight_decay = vector && o.weight_decay_filter ? 0 : o.weight_decay;
    const real factor =
        vector && o.lars_adaptation_filter ? real(1) : real(ratio(p, o, weight_decay, k.step));
    const real l2 = real(weight_decay), lr = real(o.lr * k.lr_scale), momentum = real(o.momentum);
    if (o.momentum_form == "buffer")
      for_each_element(p.data, p.grad, s("mu"), [=](real& w, real g, real& mu) {
        mu = momentum * mu + factor * (g + l2 * w);
        w -= lr * mu;
      });
    else
      for_each_element(p.data, p.grad, s.starting_at("m", p.data), [=](real& w, real g, real& m) {
        const real next = w - lr * (factor * (g + l2 * w));
        w = next + momentum * (next - m);
        m = next;
      });
  }
};

}  // namespace

OptimizerEntry tvlars() {
  return rule_entry<Tvlars>({"tvlars", "LARS with a ratio that decays in time instead of a warm-up",
                             "Do et al., 2023, arXiv 2309.14053", 2});
}

}  // namespace gradus::rules
