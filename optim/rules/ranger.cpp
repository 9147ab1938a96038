// Ranger: RAdam, Lookahead and gradient centralisation in one.
// Source: Wright, 2019 (code); RAdam: see radam.cpp; Lookahead: Zhang et al., NeurIPS 2019, arXiv 1907.08610; gradient
//         centralisation: Yong et al., ECCV 2020, arXiv 2004.01461. The released code centralises even when told not to.
//   centralize, rank >= 2: g <- g - mean of g over all dimensions but the first
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*g^2;   w <- w - lr*weight_decay*w
//   rho_inf = 2/(1-beta2) - 1,   rho = rho_inf - 2*t*beta2^t/(1-beta2^t)
//   rho > threshold: w <- w - lr/(1-beta1^t)*sqrt(1-beta2^t)*r*m/(sqrt(v) + eps), r as in RAdam;  else w <- w - lr/(1-beta1^t)*m
//   every k steps: slow = slow + alpha*(w - slow),  w = slow                                 slow: the first w at first
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/rows.h"

namespace gradus::rules {
namespace {

struct Ranger {
  struct Options : MomentOptions {
    double alpha = 0.5, threshold = 5;
    int64 k = 6;
    bool centralize = true;
    Options() { beta1 = 0.95, eps = 1e-5; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("alpha", alpha, "how far the slow weights follow", between(0, 1));
      f("k", k, "steps between two moves of the slow weights", at_least(1));
      f("threshold", threshold, "length of memory from which on the step is rectified", at_least(4));
      f("centralize", centralize, "take the mean out of each neuron's gradient");
    }
  };
  static constexpr bool kDecoupled = true;
  static void update(Param& p, State& s, const Options& o, const StepInfo& info) {
    const double lr = o.lr * info.lr_scale;
    const auto r = rectification(o.beta2, info.t, o.threshold);
    const bool rectified = r.has_value();
    const real keep = Decay::decoupled(o.weight_decay, lr).keep, eps = real(o.eps);
    const real adaptive = real(rectified ? *r * efficient_step(lr, o.beta1, o.beta2, info.t) : 0);
    const real plain = real(lr / bias_correction(o.beta1, info.t));
    const Ema first(o.beta1), second(o.beta2);
    const auto move = [=](real& w, real g, real& m, real& v) {
      m = first(m, g);
      v = second(v, g * g);
      w = keep * w - (rectified ? adaptive * m / (std::sqrt(v) + eps) : plain * m);
    };
    Tensor& slow = s.starting_at("slow", p.data);
    if (o.centralize && p.is_matrix() && p.cols() > 0) {
      const int64 n = p.cols();
      real *w = p.data.mutable_data(), *m = s("m").mutable_data(), *v = s("v").mutable_data();
      const real* g = p.grad.data();
      for_each_row(p.rows(), n, [=](int64 i) {
        const real mean = real(row_mean(g + i * n, n));
        elements(
            n, [=](real& x, real y, real& a, real& b) { move(x, y - mean, a, b); }, w + i * n, g + i * n,
            m + i * n, v + i * n);
      });
    } else {
      for_each_element(p.data, p.grad, s("m"), s("v"), move);
    }
    if (info.t % o.k == 0)
      for_each_element(p.data, slow, [alpha = real(o.alpha)](real& w, real& x) { w = x += alpha * (w - x); });
  }
};

}  // namespace

OptimizerEntry ranger() {
  return rule_entry<Ranger>({"ranger", "rectified Adam, slow weights and centralised gradients in one",
                             "Wright, 2019, released code", 2});
}

}  // namespace gradus::rules
