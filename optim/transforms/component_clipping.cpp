// Component-wise gradient norm clipping: every tensor by itself, one threshold for all.
// Paper: Yang, Ma, "Improving Stability of Fine-Tuning Pretrained Language Models via Component-Wise Gradient Norm
//        Clipping", EMNLP 2022, arXiv 2210.10325.
//   g <- g * min(1, max_clip_value/(||g|| + 1e-6))
#include "optim/rules/families.h"
#include "optim/transform.h"

namespace gradus::rules {
namespace {

struct ComponentClipping {
  struct Options {
    double max_clip_value = 1;
    void visit(auto&& f) {
      f("max_clip_value", max_clip_value, "largest norm of one tensor's gradient", positive());
    }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      const double factor = item.o.max_clip_value / (norm(item.grad) + 1e-6);
      if (factor < 1) for_each_element(item.grad, [c = static_cast<real>(factor)](real& g) { g *= c; });
    }
  }
};

}  // namespace

OptimizerEntry component_clipping() {
  return transform_entry<ComponentClipping>({"component-clipping",
                                             "limits the gradient norm of every tensor by itself",
                                             "Yang, Ma, EMNLP 2022, arXiv 2210.10325", 2});
}

std::vector<OptimizerEntry> clipping_transforms() { return {nfnet_agc(), adagc(), component_clipping()}; }

}  // namespace gradus::rules
