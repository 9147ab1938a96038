// Gradient centralisation: the gradient of each output unit has mean zero.
// Paper: Yong, Huang, Hua, Zhang, "Gradient Centralization: A New Optimization Technique for Deep Neural Networks", ECCV
//        2020, arXiv 2004.01461.
//   rank >= 2: g <- g - mean of g over all dimensions but the first;   vectors as they are
#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"
#include "optim/vocabulary/rows.h"

namespace gradus::rules {
namespace {

struct GradientCentralization {
  struct Options {
    void visit(auto&&) {}
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      if (item.grad.rank() < 2 || item.grad.numel() == 0) continue;
      const int64 rows = item.grad.dim(0), cols = item.grad.numel() / rows;
      real* g = item.grad.mutable_data();
      for_each_row(rows, cols, [=](int64 i) {
        elements(
            cols, [mean = real(row_mean(g + i * cols, cols))](real& x) { x -= mean; }, g + i * cols);
      });
    }
  }
};

}  // namespace

OptimizerEntry gradient_centralization() {
  return transform_entry<GradientCentralization>({"gradient-centralization",
                                                  "takes the mean out of each output unit's gradient",
                                                  "Yong, Huang, Hua, Zhang, ECCV 2020, arXiv 2004.01461", 3});
}

}  // namespace gradus::rules
