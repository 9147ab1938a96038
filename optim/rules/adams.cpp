// AdamS: Adam with stable weight decay.
// Paper: Xie, Xu, Zhang, Sato, Sugiyama, "On the Overlooked Pitfalls of Weight Decay and How to Mitigate Them: A
//        Gradient-Norm Perspective", NeurIPS 2023, arXiv 2011.11152.
//   m = beta1*m + (1-beta1)*g;   v = beta2*v + (1-beta2)*g^2;   amsgrad: vmax = max(vmax, v), in place of v
//   h = v/(1-beta2^t);   B = sqrt(mean of h over all elements of all tensors)
//   w <- w*(1 - lr*weight_decay/B) - lr * m/(1-beta1^t) / (sqrt(h) + eps)
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/moment_options.h"

namespace gradus::rules {
namespace {

struct AdamS {
  struct Options : MomentOptions {
    bool amsgrad = false;
    Options() { weight_decay = 1e-4; }
    void visit(auto&& f) {
      MomentOptions::visit(f);
      f("amsgrad", amsgrad, "divide by the largest second moment so far");
    }
  };
  static const char* second_slot(const Options& o) { return o.amsgrad ? "vmax" : "v"; }
  /// B.
  static double prepare(Pass<Options>& pass) {
    MeanOverAll mean;
    for (auto& [p, s, o, group, t] : pass.items) {
      const Ema first(o.beta1), second(o.beta2);
      for_each_element(p.grad, s("m"), s("v"), [=](real g, real& m, real& v) {
        m = first(m, g);
        v = second(v, g * g);
      });
      if (o.amsgrad)
        for_each_element(std::as_const(s("v")), s("vmax"), [](real v, real& top) { top = std::max(top, v); });
      mean.add(s(second_slot(o)), bias_correction(o.beta2, t));
    }
    return std::sqrt(mean.value());
  }
  static void update(Param& p, State& s, const Options& o, const StepInfo& k, double B) {
    const double lr = o.lr * k.lr_scale;
    const real keep = real(B > 0 ? 1 - lr * o.weight_decay / B : 1), eps = real(o.eps);
    const real step = real(lr / bias_correction(o.beta1, k.t)),
               root = real(1 / std::sqrt(bias_correction(o.beta2, k.t)));
    for_each_element(p.data, std::as_const(s("m")), std::as_const(s(second_slot(o))),
                     [=](real& w, real m, real h) { w = keep * w - step * m / (std::sqrt(h) * root + eps); });
  }
};

}  // namespace

OptimizerEntry adams() {
  return rule_entry<AdamS>({"adams", "Adam whose decay is measured by the mean second moment",
                            "Xie et al., NeurIPS 2023, arXiv 2011.11152", 1});
}

}  // namespace gradus::rules
