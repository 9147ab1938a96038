// Adaptive gradient clipping, unit by unit.
// Paper: Brock, De, Smith, Simonyan, "High-Performance Large-Scale Image Recognition Without Normalization", ICML
//        2021, arXiv 2102.06171, section 4. Details as deepmind-research nfnets/agc_optax.py.
//   N(x) = norm of each output unit of a matrix or kernel (over its fan-in); of the whole tensor for vectors
//   largest = clipping * max(N(w), eps)
//   g <- g * largest/max(N(g), 1e-6)      where N(g) >= largest
// The last linear layer (kind head) is left alone.
#include <algorithm>
#include <cmath>

#include "optim/rules/families.h"
#include "optim/transform.h"

namespace gradus::rules {
namespace {

struct Agc {
  struct Options {
    double clipping = 0.01, eps = 1e-3;
    void visit(auto&& f) {
      f("clipping", clipping, "largest norm of a unit's gradient relative to its weights'", positive());
      f("eps", eps, "smallest weight norm that counts", at_least(0));
    }
  };

  static double length(const real* x, int64 n) {
    double sum = 0;
    for (int64 i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    return std::sqrt(sum);
  }

  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      const Shape& shape = item.grad.shape();
      if (item.kind == ParamKind::kHead || shape.numel() == 0) continue;
      const auto extended = std::count_if(shape.begin(), shape.end(), [](int64 n) { return n > 1; });
      const int64 units = extended <= 1 ? 1 : shape[0], fan_in = shape.numel() / units;
      const real* w = item.data.data();
      real* g = item.grad.mutable_data();
      parallel_for(units, kParallelGrain / fan_in, [&](int64 begin, int64 end) {
        for (int64 u = begin; u < end; ++u) {
          const double largest = item.o.clipping * std::max(length(w + u * fan_in, fan_in), item.o.eps);
          const double n = length(g + u * fan_in, fan_in);
          if (n < largest) continue;
          const real factor = static_cast<real>(largest / std::max(n, 1e-6));
          for (int64 i = u * fan_in; i < (u + 1) * fan_in; ++i) g[i] *= factor;
        }
      });
    }
  }
};

}  // namespace

OptimizerEntry nfnet_agc() {
  return transform_entry<Agc>({"nfnet-agc", "limits each unit's gradient norm relative to its weight norm",
                               "Brock, De, Smith, Simonyan, ICML 2021, arXiv 2102.06171", 2});
}

}  // namespace gradus::rules
