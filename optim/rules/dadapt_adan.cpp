// D-Adapt Adan: Adan whose step size is a growing estimate d of the distance to the solution.
// Papers: Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", ICML 2023, arXiv 2301.07733; Adan: see
//         adan.cpp. Form of facebookresearch/dadaptation. No corrections; lr, betas and d are global.
//   K = d*lr;   y = g - g_prev (0 in step 1);   m = beta1*m + K*(1-beta1)*g;   n = beta2*n + K*(1-beta2)*y
//   v = beta3*v + (1-beta3)*(g + beta2*y)^2;   D = sqrt(v) + eps;   s = beta3*s + K*(1-beta3)*g
//   r = beta3*r + (1-beta3)*K^2*sum(g^2/D);   hat = (sum(s^2/D)/(1-beta3) - r)/sum|s|              sums over all tensors
//   d = max(d, min(hat, d*growth_rate));   lr = 0: d stays;   sum|s| = 0: no step
//   w <- (w - (m + beta2*n)/D)/(1 + K*weight_decay);   no_prox: w*(1 - K*weight_decay) - (m + beta2*n)/D        the old K
#include "optim/rules/dadapt.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/sums.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct DadaptAdan {
  struct Options {
    double lr = 1, beta1 = 0.98, beta2 = 0.92, beta3 = 0.99, eps = 1e-8, weight_decay = 0.02, d0 = 1e-6;
    std::optional<double> growth_rate;
    bool no_prox = false;
    void visit(auto&& f) {
      f("lr", lr, "factor on the step size found; 1, and 0 in a group that is frozen", at_least(0));
      f("beta1", beta1, "decay of the gradient mean", decay_rate());
      f("beta2", beta2, "decay of the mean of gradient changes", decay_rate());
      f("beta3", beta3, "decay of the second moment", decay_rate());
      f("eps", eps, "added to the root", epsilon());
      f("weight_decay", weight_decay, "weight decay", at_least(0));
      f("no_prox", no_prox, "decay before the step instead of dividing after it");
      f("d0", d0, "first estimate of the distance", positive());
      f("growth_rate", growth_rate, "largest factor on d in a step; none: no limit", at_least(1));
    }
  };
  static void step(Pass<Options>& pass) {
    check_common_lr(pass, "dadapt-adan");
    const Options& o = pass.options;
    double &d = pass.shared.scalar("d", o.d0), &r = pass.shared.scalar("r");
    const double lr = o.lr * pass.info.lr_scale, K = d * lr;
    double gg = 0, ss = 0, size = 0;
    for (auto& [p, s, own, group, t] : pass.items) {
      if (own.lr == 0) continue;
      const real keep1 = real(o.beta1), take1 = real(K * (1 - o.beta1)), keep2 = real(o.beta2),
                 take2 = real(K * (1 - o.beta2)), keep3 = real(o.beta3), take3 = real(K * (1 - o.beta3));
      const real eps = real(own.eps), change = real(t == 1 ? 0 : 1);
      const Ema third(o.beta3);
      for_each_element(p.grad, s("g_prev"), s("m"), s("n"), s("v"), s("s"),
                       [=](real g, real& g_prev, real& m, real& n, real& v, real& sum) {
                         const real y = change * (g - g_prev);
                         g_prev = g;
                         m = keep1 * m + take1 * g;
                         n = keep2 * n + take2 * y;
                         v = third(v, square(g + keep2 * y));
                         sum = keep3 * sum + take3 * g;
                       });
      const auto sums = for_each_with_sums<3>(p.grad, std::as_const(s("v")), std::as_const(s("s")),
                                              [=](real g, real v, real sum, double& a, double& b, double& c) {
                                                const double D = static_cast<double>(std::sqrt(v) + eps);
                                                const double x = static_cast<double>(g),
                                                             y = static_cast<double>(sum);
                                                a = x * x / D, b = y * y / D, c = std::abs(y);
                                              });
      gg += sums[0], ss += sums[1], size += sums[2];
    }
    r = o.beta3 * r + (1 - o.beta3) * K * K * gg;
    if (size == 0) return;
    if (lr > 0) grow(d, (ss / (1 - o.beta3) - r) / size, o.growth_rate);
    for (auto& [p, s, own, group, t] : pass.items) {
      if (own.lr == 0) continue;
      const real eps = real(own.eps), b2 = real(o.beta2);
      const real before = real(own.no_prox ? 1 - K * own.weight_decay : 1),
                 after = real(own.no_prox ? 1 : 1 / (1 + K * own.weight_decay));
      for_each_element(p.data, std::as_const(s("m")), std::as_const(s("n")), std::as_const(s("v")),
                       [=](real& w, real m, real n, real v) {
                         w = after * (before * w - (m + b2 * n) / (std::sqrt(v) + eps));
                       });
    }
  }
};

}  // namespace

OptimizerEntry dadapt_adan() {
  return rule_entry<DadaptAdan>({"dadapt-adan", "Adan without a step size to set",
                                 "Defazio, Mishchenko, ICML 2023, arXiv 2301.07733", 6});
}

}  // namespace gradus::rules
