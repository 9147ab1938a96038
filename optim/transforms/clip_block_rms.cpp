// Clipping of each tensor by its root mean square.
// Paper: Shazeer, Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML 2018, arXiv 1804.04235,
//        section 6, on the gradient itself.
//   g <- g/max(1, rms(g)/threshold),   rms(g) = sqrt(mean of g^2)        each tensor by itself
#include <cmath>

#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"

namespace gradus::rules {
namespace {

struct ClipBlockRms {
  struct Options {
    double threshold = 1;
    void visit(auto&& f) {
      f("threshold", threshold, "largest root mean square of a tensor's gradient", positive());
    }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      if (item.grad.numel() == 0) continue;
      const double excess =
          std::sqrt(sum_of_squares(item.grad) / static_cast<double>(item.grad.numel())) / item.o.threshold;
      if (excess > 1) for_each_element(item.grad, [c = real(1 / excess)](real& g) { g *= c; });
    }
  }
};

}  // namespace

OptimizerEntry clip_block_rms() {
  return transform_entry<ClipBlockRms>({"clip-block-rms",
                                        "limits the root mean square of each tensor's gradient",
                                        "Shazeer, Stern, ICML 2018, arXiv 1804.04235, section 6", 1});
}

}  // namespace gradus::rules
