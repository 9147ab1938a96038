// AdaShift: the second moment of gradients n steps ago.
// Paper: Zhou, Zhang, Lu, Wang, Zhang, Yu, "AdaShift: Decorrelation and Convergence of Adaptive Learning Rate Methods",
//        ICLR 2019, arXiv 1810.00143.
//   g <- g + weight_decay*w;   in steps 1..keep the gradient is only stored;   from then on n = keep, k = t - n:
//   p = g_(t-n)^2, reduce = max: its largest element, for all elements
//   v = beta2*v + (1-beta2)*p
//   m = sum_{i=0..n-1} beta1^i*g_(t-i) / sum_{i=0..n-1} beta1^i
//   w <- w - lr*m/(sqrt(v/(1-beta2^k)) + eps)
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/ring.h"

namespace gradus::rules {
namespace {

struct AdaShift {
  struct Options : MomentOptions {
    int64 keep = 10;
    std::string reduce = "max";
    Options() { eps = 1e-10; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("keep", keep, "gradients kept; the second moment lags behind by so many steps", at_least(1));
      f("reduce", reduce, "what of the old squared gradient counts: its largest element, or each its own",
        choices({"max", "none"}));
    }
  };
  static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
    const int64 n = o.keep;
    Tensor g = p.grad.clone();
    if (o.weight_decay != 0)
      for_each_element(g, std::as_const(p.data),
                       [l2 = real(o.weight_decay)](real& x, real w) { x += l2 * w; });
    Ring ring(s, n);
    if (!ring.full()) return ring.push(g);
    const Ema second(o.beta2);
    const Tensor& old = ring[0];
    Tensor& v = s("v");
    if (o.reduce == "max") {
      real top = 0;
      for (int64 i = 0; i < old.numel(); ++i) top = std::max(top, square(old.data()[i]));
      for_each_element(v, [=](real& x) { x = second(x, top); });
    } else {
      for_each_element(v, old, [=](real& x, real y) { x = second(x, y * y); });
    }
    ring.push(g);
    // m anew from the kept gradients, the newest first.
    const double unit = o.beta1 > 0 ? bias_correction(o.beta1, n) / (1 - o.beta1) : 1;
    Tensor m = Tensor::zeros(p.data.shape());
    double weight = 1 / unit;
    for (int64 i = 0; i < n; ++i, weight *= o.beta1)
      for_each_element(m, ring.newest(i), [c = real(weight)](real& x, real y) { x += c * y; });
    const real step = real(o.lr * k.lr_scale), root = real(1 / std::sqrt(bias_correction(o.beta2, k.t - n))),
               eps = real(o.eps);
    for_each_element(p.data, std::as_const(m), std::as_const(v),
                     [=](real& w, real x, real y) { w -= step * x / (std::sqrt(y) * root + eps); });
  }
};

}  // namespace

OptimizerEntry adashift() {
  return rule_entry<AdaShift>({"adashift", "Adam whose second moment is of gradients n steps ago",
                               "Zhou et al., ICLR 2019, arXiv 1810.00143", 11});
}

}  // namespace gradus::rules
