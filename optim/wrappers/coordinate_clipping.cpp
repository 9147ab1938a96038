// Coordinate-wise clipping of the direction that a rule proposes.
// Paper: Pan, Li, "Toward Understanding Why Adam Converges Faster Than SGD for Transformers", 2023, arXiv 2306.00204.
//   d = direction of the rule inside (before lr; decoupled decay apart, weight_decay: its)
//   tau = the (k+1)-th largest |d_i|, k = floor(p*n)            mode value: tau given
//   d_i <- sign(d_i)*min(|d_i|, tau);   w <- (1 - lr*weight_decay)*w - lr*d
// The momentum buffer inside stays unclipped. scope: one tau a tensor, or one for all of them.
#include <algorithm>
#include <cmath>

#include "optim/rules/families.h"
#include "optim/wrapper.h"
#include "optim/wrappers/direction.h"

namespace gradus::rules {
namespace {

struct ClippingOptions {
  double p = 0.1, tau = 1;
  std::string scope = "tensor", mode = "fraction";
  void visit(auto&& f) {
    f("p", p, "share of the coordinates that is clipped", decay_rate());
    f("scope", scope, "one threshold a tensor or one for all", choices({"tensor", "global"}));
    f("mode", mode, "threshold from the share p, or tau", choices({"fraction", "value"}));
    f("tau", tau, "threshold of mode=value", at_least(0));
  }
};

class CoordinateClipping final : public Wrapper<ClippingOptions> {
 public:
  using Wrapper::Wrapper;

  void apply(Objective& objective, const StepInfo& info) override {
    ++table().steps;
    const std::vector<Tensor> before = weights_of(table().rows());
    inner().apply(objective, info);
    std::vector<Direction> all = directions(table().rows(), before, inner(), info.lr_scale);
    std::erase_if(all, [](const Direction& d) { return d.lr == 0; });
    const double common =
        options().scope == "global" && options().mode == "fraction" ? threshold(all, options().p) : 0;
    for (Direction& d : all) {
      const ClippingOptions& o = options(d.row->group);
      double tau = o.tau;
      if (o.mode == "fraction") tau = o.scope == "global" ? common : threshold({&d, 1}, o.p);
      const real limit = static_cast<real>(tau * d.lr);
      for_each_element(d.step, [=](real& s) { s = std::clamp(s, -limit, limit); });
      d.apply();
    }
  }

 private:
  // The (k+1)-th largest |direction| among all of these, k = floor(p*n).
  static double threshold(std::span<const Direction> all, double p) {
    std::vector<double> sizes;
    for (const Direction& d : all)
      for (real s : d.step.span()) sizes.push_back(std::abs(static_cast<double>(s)) / d.lr);
    if (sizes.empty()) return 0;
    const auto k = static_cast<std::ptrdiff_t>(p * static_cast<double>(sizes.size()));
    std::nth_element(sizes.begin(), sizes.begin() + k, sizes.end(), std::greater<>());
    return sizes[static_cast<size_t>(k)];
  }
};

}  // namespace

OptimizerEntry coordinate_clipping() {
  return wrapper_entry<CoordinateClipping>({"coordinate-clipping",
                                            "clips the largest coordinates of a direction",
                                            "Pan, Li, 2023, arXiv 2306.00204", 5});
}

}  // namespace gradus::rules
