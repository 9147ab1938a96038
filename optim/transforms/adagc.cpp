// AdaGC: clipping of each tensor relative to the running mean of its own clipped gradient norm.
// Paper: Wang et al., "AdaGC: Improving Training Stability for Large Language Model Pretraining", 2025, arXiv
//        2502.11034.
//   t < warmup_steps:  G = sqrt(sum over all tensors of ||g||^2);  h = min(lambda_abs/(G + 1e-8), 1);  g <- h*g
//                      gamma = ||g|| at first, then min(gamma, ||g||)
//   later:             h = min(lambda_rel*gamma/||g||, 1);  g <- h*g
//                      gamma = beta*gamma + (1-beta)*||g||            of the clipped gradient
// Departures, for tensors without gradients at first: gamma starts at the first gradient that is not zero (also
// after the warm-up) and never falls below 1e-8.
#include <cmath>

#include "optim/rules/families.h"
#include "optim/transform.h"

namespace gradus::rules {
namespace {

struct AdaGc {
  struct Options {
    double lambda_abs = 1, lambda_rel = 1.05, beta = 0.98;
    int64 warmup_steps = 100;
    void visit(auto&& f) {
      f("lambda_abs", lambda_abs, "largest global norm during the warm-up", positive());
      f("lambda_rel", lambda_rel, "largest norm of a tensor relative to its mean so far", positive());
      f("beta", beta, "decay of the mean of clipped norms", decay_rate());
      f("warmup_steps", warmup_steps, "from this step on tensors are clipped one by one", at_least(0));
    }
  };

  static void transform(Gradients<Options>& all) {
    double square = 0;
    std::vector<double> norms;
    for (const auto& item : all.items) {
      norms.push_back(norm(item.grad));
      square += norms.back() * norms.back();
    }
    for (size_t i = 0; i < all.items.size(); ++i) {
      auto& item = all.items[i];
      const Options& o = item.o;
      const double n = norms[i];
      double& gamma = item.s.scalar("gamma");
      const bool warming = all.step<o.warmup_steps, known = gamma> 0;
      double h = 1;
      if (warming) {
        h = std::min(o.lambda_abs / (std::sqrt(square) + 1e-8), 1.0);
      } else if (known && n > 0) {
        h = std::min(o.lambda_rel * gamma / n, 1.0);
      }
      if (h < 1) for_each_element(item.grad, [c = static_cast<real>(h)](real& g) { g *= c; });
      if (!all.first || (!known && n == 0)) continue;
      const double clipped = h * n;
      if (!known) {
        gamma = clipped;
      } else {
        gamma = warming ? std::min(gamma, clipped) : o.beta * gamma + (1 - o.beta) * clipped;
      }
      gamma = std::max(gamma, 1e-8);
    }
  }
};

}  // namespace

OptimizerEntry adagc() {
  return transform_entry<AdaGc>({"adagc",
                                 "clips each tensor relative to the running mean of its gradient norm",
                                 "Wang et al., 2025, arXiv 2502.11034", 2});
}

}  // namespace gradus::rules
