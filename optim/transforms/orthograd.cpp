// OrthoGrad: the part of each gradient that is orthogonal to its weights, at the gradient's length.
// Paper: Prieto, Barsbey, Mediano, Birdal, "Grokking at the Edge of Numerical Stability", ICML 2025, arXiv 2501.04697.
//   p = g - <w,g>/(<w,w> + eps)*w;   g <- p*||g||/(||p|| + eps)        each tensor by itself
// Departure: what is left of a gradient along w (a tensor of one element always is) is rounding; p is then 0.
#include <cmath>
#include <limits>

#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"
#include "optim/vocabulary/sums.h"

namespace gradus::rules {
namespace {

struct OrthoGrad {
  struct Options {
    double eps = 1e-30;
    void visit(auto&& f) { f("eps", eps, "added to squares and norms", positive()); }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      const Tensor& w = item.data;
      const double length = norm(item.grad);
      const double part = dot(w, item.grad) / (sum_of_squares(w) + item.o.eps);
      const auto [square] =
          for_each_with_sums<1>(item.grad, w, [c = real(part)](real& g, real x, double& pp) {
            g -= c * x;
            pp = static_cast<double>(g) * static_cast<double>(g);
          });
      constexpr double kRounding = 4 * static_cast<double>(std::numeric_limits<real>::epsilon());
      const double left = std::sqrt(square);
      const double factor = left > kRounding * length ? length / (left + item.o.eps) : 0;
      for_each_element(item.grad, [c = real(factor)](real& g) { g *= c; });
    }
  }
};

}  // namespace

OptimizerEntry orthograd() {
  return transform_entry<OrthoGrad>({"orthograd",
                                     "leaves the part of each gradient that is orthogonal to its weights",
                                     "Prieto, Barsbey, Mediano, Birdal, ICML 2025, arXiv 2501.04697", 9});
}

}  // namespace gradus::rules
