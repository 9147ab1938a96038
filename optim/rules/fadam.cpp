// FAdam: Adam as natural gradient descent by a diagonal Fisher information.
// Paper: Hwang, "FAdam: Adam is a natural gradient optimizer using diagonal empirical Fisher information", 2024,
//        arXiv 2405.12807.
//   b = beta2*(1 - beta2^(t-1))/(1 - beta2^t);   f = b*f + (1-b)*g^2;   e = eps*min(rms(g), 1);   D = f^p + e
//   n = g/D,  n = n/max(1, rms(n)/clip);   m = beta1*m + (1-beta1)*n
//   q = w/D,  q = q/max(1, rms(q)/clip);   w <- w - lr*(m + weight_decay*q)          rms over the tensor
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/powers.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {
namespace {

struct FAdam {
  struct Options : MomentOptions {
    double p = 0.5, clip = 1;
    Options() { weight_decay = 0.1; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("p", p, "power of the Fisher information", positive());
      f("clip", clip, "largest root mean square of the natural gradient", positive());
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const double n = static_cast<double>(p.data.numel());
    if (n == 0) return;
    const Ema fisher(o.beta2 * bias_correction(o.beta2, k.t - 1) / bias_correction(o.beta2, k.t));
    const double rms = std::sqrt(sum_of_squares(p.grad) / n);
    const real e = real(std::max(o.eps * std::min(rms, 1.0), 1e-37));
    with_power(o.p, [&](auto powered) { move(p, s, o, k, fisher, [=](real f) { return powered(f) + e; }); });
  }
  template <class Divisor>
  static void move(Param& p, State& s, const Options& o, const StepInfo& k, const Ema& fisher,
                   const Divisor& divisor) {
    const double n = static_cast<double>(p.data.numel());
    const auto [nn, qq] = for_each_with_sums<2>(std::as_const(p.data), p.grad, s("f"),
                                                [=](real w, real g, real& f, double& a, double& b) {
                                                  f = fisher(f, g * g);
                                                  const real d = divisor(f), x = g / d, y = w / d;
                                                  a = static_cast<double>(x) * static_cast<double>(x);
                                                  b = static_cast<double>(y) * static_cast<double>(y);
                                                });
    const real scale = real(1 / std::max(1.0, std::sqrt(nn / n) / o.clip));
    const real of_q = real(o.weight_decay / std::max(1.0, std::sqrt(qq / n) / o.clip)),
               step = real(o.lr * k.lr_scale);
    const Ema mean(o.beta1);
    for_each_element(p.data, p.grad, std::as_const(s("f")), s("m"), [=](real& w, real g, real f, real& m) {
      const real inverse = 1 / divisor(f);
      m = mean(m, scale * g * inverse);
      w -= step * (m + of_q * w * inverse);
    });
  }
};

}  // namespace

OptimizerEntry fadam() {
  return rule_entry<FAdam>({"fadam", "natural gradient by a diagonal Fisher information, clipped",
                            "Hwang, 2024, arXiv 2405.12807", 4});
}

}  // namespace gradus::rules
