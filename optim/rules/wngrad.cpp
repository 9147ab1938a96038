// WNGrad.
// Paper: Wu, Ward, Bottou, "WNGrad: Learn the Learning Rate in Gradient Descent", 2018, arXiv 1803.02865.
//   g <- g + weight_decay*w
//   b = b + lr^2*||g||^2/b                     norm over all tensors; b = b0 at first
//   w <- w - lr/b*g                            the new b
#include "optim/rules/layer.h"
#include "optim/rules/whole.h"
#include "optim/rules/zoo.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct WnGrad {
  struct Options {
    double lr = 1, b0 = 1, weight_decay = 0;
    void visit(auto&& f) {
      f("lr", lr, "length of a step relative to the gradients' size", positive());
      f("b0", b0, "first inverse step size", positive());
      f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    }
  };
  static double prepare(Pass<Options>& pass) {
    const double lr = pass.options.lr * pass.info.lr_scale;
    double& b = pass.shared.scalar("b", pass.options.b0);
    b += lr * lr / b * total(pass, [](const auto& item) {
           const double length = decayed_norm(item.p.data, item.p.grad, item.o.weight_decay);
           return length * length;
         });
    return b;
  }
  static void update(Param& p, State&, const Options& o, const StepInfo& k, double b) {
    const real step = real(o.lr * k.lr_scale / b), l2 = real(o.weight_decay);
    for_each_element(p.data, p.grad, [=](real& w, real g) { w -= step * (g + l2 * w); });
  }
};

}  // namespace

OptimizerEntry wngrad() {
  return rule_entry<WnGrad>({"wngrad", "one step size that learns the size of the gradients",
                             "Wu, Ward, Bottou, 2018, arXiv 1803.02865", 2});
}

}  // namespace gradus::rules
