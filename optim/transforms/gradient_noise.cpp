// Gradient noise that fades.
// Paper: Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens, "Adding Gradient Noise Improves Learning for Very Deep
//        Networks", 2015, arXiv 1511.06807.
//   g <- g + sqrt(eta/(1+t)^gamma)*z,   z standard normal, one draw a step
// Further gradients of the same batch get the same z.
#include <cmath>

#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"
#include "optim/vocabulary/draws.h"

namespace gradus::rules {
namespace {

struct GradientNoise {
  struct Options {
    double eta = 0.01, gamma = 0.55;
    int64 seed = 0;
    void visit(auto&& f) {
      f("eta", eta, "variance of the noise at t = 0", at_least(0));
      f("gamma", gamma, "power with which it falls", at_least(0));
      f("seed", seed, "of the noise", at_least(0));
    }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      const double deviation =
          std::sqrt(item.o.eta / std::pow(1 + static_cast<double>(item.t), item.o.gamma));
      const Tensor z = normal_draw(all.objective, item.name, item.grad.shape(), item.o.seed, item.t);
      for_each_element(item.grad, z, [c = real(deviation)](real& g, real x) { g += c * x; });
    }
  }
};

}  // namespace

OptimizerEntry gradient_noise() {
  return transform_entry<GradientNoise>(
      {"gradient-noise", "adds normal noise that fades", "Neelakantan et al., 2015, arXiv 1511.06807", 4});
}

}  // namespace gradus::rules
