// Gradient clipping by global norm and by value.
// Paper: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", ICML 2013,
//        arXiv 1211.5063. Details as torch.nn.utils.clip_grad_norm_ and clip_grad_value_.
//   clip-norm:  n = sqrt(sum over all parameters of ||g||^2);  g <- g * min(1, max_norm/(n + 1e-6))
//   clip-value: g <- min(max(g, -max_value), max_value)
#include <cmath>

#include "optim/rules/rules.h"
#include "optim/transform.h"

namespace gradus::rules {
namespace {

struct ClipNorm {
  struct Options {
    double max_norm = 1;
    void visit(auto&& f) { f("max_norm", max_norm, "largest norm of all gradients together", positive()); }
  };
  static void transform(Gradients<Options>& all) {
    double square = 0;
    for (const auto& item : all.items) square += sum_of_squares(item.grad);
    for (auto& item : all.items) {
      const double factor = item.o.max_norm / (std::sqrt(square) + 1e-6);
      if (factor < 1) for_each_element(item.grad, [c = real(factor)](real& g) { g *= c; });
    }
  }
};

struct ClipValue {
  struct Options {
    double max_value = 1;
    void visit(auto&& f) { f("max_value", max_value, "largest absolute value of a coordinate", positive()); }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items)
      for_each_element(item.grad,
                       [c = real(item.o.max_value)](real& g) { g = std::min(std::max(g, -c), c); });
  }
};

}  // namespace

OptimizerEntry clip_norm() {
  return transform_entry<ClipNorm>({"clip-norm", "scales all gradients down to a largest global norm",
                                    "Pascanu, Mikolov, Bengio, ICML 2013, arXiv 1211.5063", 1});
}
OptimizerEntry clip_value() {
  return transform_entry<ClipValue>({"clip-value", "clips every coordinate of the gradient",
                                     "Pascanu, Mikolov, Bengio, ICML 2013, arXiv 1211.5063"});
}

}  // namespace gradus::rules
