// ScaledGD for low-rank factors within a network: gradients preconditioned by the small Gram matrix of the other factor.
// Papers: Tong, Ma, Chi, JMLR 2021, arXiv 2005.08898 (pairs); Xu, Shen, Chi, Ma, ICML 2023, arXiv 2302.01186 (one factor, damping).
//   pair B (m,r), A (r,n) of a product B*A (of adapters lora_A and lora_B):
//     grad_B <- grad_B (A A' + damping*I)^{-1},  grad_A <- (B'B + damping*I)^{-1} grad_A      both from the old pair
//   alone (factor):  a matrix X (n,r) without a partner, n >= r, is taken for a factor of X X':  g <- g (X'X + damping*I)^{-1}
//   alone (leave):   its gradient stays as it is
// Tensors of other ranks, pairs of which one takes no part and wide matrices alone stay as they are.
#include "optim/methods/scaled_gd.h"

#include <map>
#include <string>

#include "core/linalg.h"
#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"

namespace gradus::rules {
namespace {

struct ScaledGdTransform {
  struct Options {
    double damping = 0.01;
    std::string alone = "factor";
    void visit(auto&& f) {
      f("damping", damping, "added to the diagonal of the Gram matrix", positive());
      f("alone", alone, "a matrix without a partner: a factor of X X', or left as it is",
        choices({"factor", "leave"}));
    }
  };

  static void transform(Gradients<Options>& all) {
    constexpr std::string_view kA = "lora_A", kB = "lora_B";
    std::map<std::string, size_t> at;
    for (size_t i = 0; i < all.items.size(); ++i)
      if (all.items[i].data.rank() == 2) at[all.items[i].name] = i;
    for (const auto& [name, i] : at) {
      auto& item = all.items[i];
      const bool is_a = name.ends_with(kA), is_b = name.ends_with(kB);
      if (is_b && at.contains(name.substr(0, name.size() - kB.size()) + std::string(kA)))
        continue;  // done with its A
      if (is_a) {
        const auto partner = at.find(name.substr(0, name.size() - kA.size()) + std::string(kB));
        if (partner != at.end() && all.items[partner->second].data.dim(1) == item.data.dim(0)) {
          auto& b = all.items[partner->second];
          const Tensor a_columns = linalg::transpose(item.data);  // (n,r)
          b.grad.copy_from(scaled_gradient(b.grad, a_columns, b.o.damping));
          item.grad.copy_from(
              linalg::transpose(scaled_gradient(linalg::transpose(item.grad), b.data, item.o.damping)));
          continue;
        }
      }
      if (item.o.alone == "factor" && item.data.dim(0) >= item.data.dim(1) && item.data.numel() > 0)
        item.grad.copy_from(scaled_gradient(item.grad, item.data, item.o.damping));
    }
  }
};

}  // namespace

OptimizerEntry scaled_gd_transform() {
  return transform_entry<ScaledGdTransform>(
      {"scaled-gd", "low-rank factors: gradients by the inverse Gram matrix of the other one",
       "Tong, Ma, Chi, JMLR 2021, arXiv 2005.08898", 2});
}

}  // namespace gradus::rules
