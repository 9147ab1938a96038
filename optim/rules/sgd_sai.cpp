// SGD-SaI: SGD with momentum whose rate per tensor is fixed at the first gradient.
// Paper: Xu, Xiang, Cai, Wen, "No More Adam: Learning Rate Scaling at Initialization is All You Need", 2024,
//        arXiv 2412.11768.
//   first gradient:  gsnr = ||g|| / (sigma + eps),  sigma = standard deviation of g's entries (divisor n-1)
//   buf = g at step 1, then momentum*buf + (1-momentum)*g
//   w <- w*(1 - lr*weight_decay) - lr*gsnr*buf
// Departures from the released code, which would explode or freeze: gsnr = 1 for one entry or (almost) equal
// entries (sigma <= 1e-12*||g||), and gsnr waits for the first gradient that is not zero.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/layer.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct SgdSai {
  struct Options {
    double lr = 1e-2, momentum = 0.9, eps = 1e-8, weight_decay = 1e-2;
    void visit(auto&& f) {
      f("lr", lr, "step size (gsnr is of the order sqrt(n): well below SGD's)", positive());
      f("momentum", momentum, "decay of the gradient mean", decay_rate());
      f("eps", eps, "added to the standard deviation", at_least(0));
      f("weight_decay", weight_decay, "decoupled decay, lr*weight_decay*w", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;

  // Signal-to-noise ratio of a gradient; 0 for a zero one.
  static double gsnr(const Tensor& g, double eps) {
    const double n = static_cast<double>(g.numel()), length = norm(g);
    if (length == 0) return 0;
    const double mean = sum_elements(g, [](real x) { return static_cast<double>(x); }) / n;
    const double spread = sum_elements(g, [=](real x) {
      const double d = static_cast<double>(x) - mean;
      return d * d;
    });
    const double sigma = n > 1 ? std::sqrt(spread / (n - 1)) : 0;
    return sigma <= 1e-12 * length ? 1 : length / (sigma + eps);
  }

  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    double& ratio = s.scalar("gsnr");
    if (ratio == 0) ratio = gsnr(p.grad, o.eps);
    const double lr = o.lr * k.lr_scale;
    const real keep = real(1 - lr * o.weight_decay), step = real(lr * ratio);
    const Ema mean(k.t == 1 ? 0 : o.momentum);
    for_each_element(p.data, p.grad, s("buf"), [=](real& w, real g, real& buf) {
      buf = mean(buf, g);
      w = keep * w - step * buf;
    });
  }
};

}  // namespace

OptimizerEntry sgd_sai() {
  return rule_entry<SgdSai>({"sgd-sai", "momentum with a rate per tensor set by its first gradient",
                             "Xu, Xiang, Cai, Wen, 2024, arXiv 2412.11768"});
}

}  // namespace gradus::rules
