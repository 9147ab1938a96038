// AdaShift: the second moment of gradients n steps ago.
// Paper: Zhou, Zhang, Lu, Wang, Zhang, Yu, "AdaShift: Decorrelation and Convergence of Adaptive Learning Rate Methods",
//        ICLR 2019, arXiv 1810.00143.
//   g <- g + weight_decay*w;   in steps 1..keep the gradient is only stored;   from then on n = keep, k = t - n:
//   p = g_(t-n)^2, reduce = max: its largest element, for all elements
//   v = beta2*v + (1-beta2)*p
//   m = sum_{i=0..n-1} beta1^i*g_(t-i) / sum_{i=0..n-1} beta1^i
//   w <- w - lr*m/(sqrt(v/(1-beta2^k)) + eps)
#include <array>

#include "optim/rules/zoo.h"
#include "optim/vocabulary/largest.h"
#include "optim/vocabulary/moment_options.h"
#include "optim/vocabulary/parts.h"
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
    const real l2 = real(o.weight_decay);
    Ring ring(s, n);
    const bool waits = !ring.full(), largest = o.reduce == "max";
    Tensor& place =
        ring.open();  // once the ring is full it holds the oldest gradient, until this one takes its place
    if (waits) {
      for_each_element(place, p.grad, std::as_const(p.data),
                       [=](real& kept, real g, real w) { kept = g + l2 * w; });
      return;
    }
    const real top = largest ? largest_size(place) : real(0);
    std::vector<const real*> newest;
    for (int64 i = 0; i < n; ++i) newest.push_back(ring.newest(i).data());
    real *weights = p.data.mutable_data(), *second_moment = s("v").mutable_data(),
         *now = place.mutable_data();
    const real* grad = p.grad.data();
    const double sum_of_powers = bias_correction(o.beta1, n) / (1 - o.beta1);
    const real step = real(o.lr * k.lr_scale), eps = real(o.eps);
    const real root = real(1 / std::sqrt(bias_correction(o.beta2, k.t - n)));
    const Ema second(o.beta2);
    for_each_part(p.data.numel(), [&](Part part) {
      elements(
          part,
          [=](real& x, real& kept, real g, real y) {
            x = second(x, largest ? top * top : kept * kept);
            kept = g + l2 * y;
          },
          second_moment, now, grad, static_cast<const real*>(weights));
      std::array<real, Part::kMost> m{};
      double weight = 1 / sum_of_powers;
      for (size_t i = 0; i < newest.size(); i += 2, weight *= o.beta1 * o.beta1) {
        const real a = real(weight), b = real(weight * o.beta1);
        if (i + 1 < newest.size())
          elements_with(
              m.data(), part, [=](real& x, real y, real z) { x += a * y + b * z; }, newest[i], newest[i + 1]);
        else
          elements_with(
              m.data(), part, [=](real& x, real y) { x += a * y; }, newest[i]);
      }
      elements_with(
          m.data(), part, [=](real mean, real& x, real y) { x -= step * mean / (std::sqrt(y) * root + eps); },
          weights, static_cast<const real*>(second_moment));
    });
  }
};

}  // namespace

OptimizerEntry adashift() {
  return rule_entry<AdaShift>({"adashift", "Adam whose second moment is of gradients n steps ago",
                               "Zhou et al., ICLR 2019, arXiv 1810.00143", 10});
}

}  // namespace gradus::rules
