// Gradients of length one.
// Papers: Nesterov, "Minimization methods for nonsmooth convex and quasiconvex functions", 1984; Hazan, Levy,
//         Shalev-Shwartz, "Beyond Convexity: Stochastic Quasi-Convex Optimization", NeurIPS 2015, arXiv 1507.02030.
//   g <- g/(||g|| + eps),   the norm of the tensor (scope tensor) or of all tensors together (scope global)
#include <cmath>

#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

struct NormalizedGradient {
  struct Options {
    std::string scope = "tensor";
    double eps = 1e-6;
    void visit(auto&& f) {
      f("scope", scope, "whose norm becomes one", choices({"tensor", "global"}));
      f("eps", eps, "added to the norm", epsilon());
    }
  };
  static void transform(Gradients<Options>& all) {
    std::vector<double> squares;
    double everything = 0;
    for (const auto& item : all.items) everything += squares.emplace_back(sum_of_squares(item.grad));
    for (size_t i = 0; i < all.items.size(); ++i) {
      auto& item = all.items[i];
      const double length = std::sqrt(item.o.scope == "global" ? everything : squares[i]);
      for_each_element(item.grad, [c = real(1 / (length + item.o.eps))](real& g) { g *= c; });
    }
  }
};

}  // namespace

OptimizerEntry normalized_gradient() {
  return transform_entry<NormalizedGradient>(
      {"normalized-gradient", "divides each gradient by its norm",
       "Nesterov 1984; Hazan, Levy, Shalev-Shwartz, NeurIPS 2015, arXiv 1507.02030", 3});
}

}  // namespace gradus::rules
