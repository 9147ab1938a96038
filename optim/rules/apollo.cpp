// APOLLO: the gradient, scaled as Adam would scale a random projection of it.
// Paper: Zhu, Zhang, Cong, Liu, Park, Chandra, Long, Pan, Wang, Lee, "APOLLO: SGD-like Memory, AdamW-level Performance",
//        MLSys 2025, arXiv 2412.05270.
//   in steps 1, 1+update_gap, ...: P = Z/sqrt(rank), Z normal draws, a column for each dimension of the projection
//   R, m, v, u as in galore.cpp with this P
//   scale_type tensor:  f = ||u||/(||R|| + 1e-8)
//   scale_type channel: f_j = ||u_j||/(||R_j|| + 1e-8) of column j where g has fewer rows than columns, else of row j
//   E = sqrt(scale)*f*g;   limiter as in fira.cpp;   w <- w - lr*sqrt(1-beta2^t)/(1-beta1^t)*E;   w <- w - lr*weight_decay*w
// The limiter acts behind sqrt(scale). Tensors of other ranks than 2: Adam of the same form. apollo-mini: rank 1, scale_type
// tensor, scale 128.
#include <algorithm>
#include <cmath>

#include "optim/rules/matrix_zoo.h"
#include "optim/rules/projected.h"
#include "optim/vocabulary/draws.h"

namespace gradus::rules {
namespace {

struct Apollo {
  struct Options : ProjectedOptions {
    double scale = 1;
    std::string scale_type = "tensor";
    int64 seed = 0;
    Options() { lr = 0.01; }
    void visit(auto&& f) {
      ProjectedOptions::visit(f);
      f("scale", scale, "square of a factor on the steps of matrices", positive());
      f("scale_type", scale_type, "one factor a tensor, or a channel", choices({"tensor", "channel"}));
      f("seed", seed, "of the projections", at_least(0));
    }
  };
  static constexpr bool kDecoupled = true;

  // Draws are three wide, or wider where the rank is, so that a smaller rank sees the first columns of the same draw.
  static Tensor random_basis(Objective& objective, const Param& p, const Options& o, int64 t, int64 side,
                             int64 rank) {
    const int64 width = std::max<int64>(3, rank);
    const Tensor z = normal_draw(objective, p.name, {side, width}, o.seed, (t - 1) / o.update_gap + 1);
    const real c = real(1 / std::sqrt(static_cast<double>(rank)));
    Tensor out({side, rank});
    real* to = out.mutable_data();
    for (int64 i = 0; i < side; ++i)
      for (int64 j = 0; j < rank; ++j) to[i * rank + j] = c * z.data()[i * width + j];
    return out;
  }

  template <class O>
  static void step_all(Pass<O>& pass) {
    for (auto& item : pass.items) {
      const StepInfo k = pass.info_of(item);
      if (is_projected(item.p))
        update_matrix(item.p, item.s, item.o, k, pass.objective);
      else
        plain_adam(item.p, item.s, item.o, k);
    }
  }
  static void step(Pass<Options>& pass) { step_all(pass); }
  static void update_matrix(Param& p, State& s, const Options& o, const StepInfo& k, Objective& objective) {
    const ShortSide projection = projection_of(p, s, o.rank, o.update_gap, k.t, [&](int64 side, int64 rank) {
      return random_basis(objective, p, o, k.t, side, rank);
    });
    const Tensor low = projection.down(p.grad), u = adam_direction(s, low, o);
    const double root = std::sqrt(o.scale);
    Tensor e = p.grad.clone();
    if (o.scale_type == "channel") {
      std::vector<double> factors = projection.channel_ratios(u, low);
      for (double& f : factors) f *= root;
      projection.scale_channels(e, factors);
    } else {
      for_each_element(e, [c = real(root * norm(u) / (norm(low) + 1e-8))](real& x) { x *= c; });
    }
    limit_growth(e, s);
    const double lr = o.lr * k.lr_scale;
    move_then_decay(p, e, efficient_step(lr, o.beta1, o.beta2, k.t), lr, o.weight_decay);
  }
};

struct ApolloMini : Apollo {
  struct Options : Apollo::Options {
    Options() { rank = 1, scale = 128; }
  };
  static void step(Pass<Options>& pass) { step_all(pass); }
};

}  // namespace

OptimizerEntry apollo() {
  return rule_entry<Apollo>({"apollo", "the gradient, scaled as Adam would scale a random projection of it",
                             "Zhu et al., MLSys 2025, arXiv 2412.05270", 6});
}
OptimizerEntry apollo_mini() {
  return rule_entry<ApolloMini>({"apollo-mini", "APOLLO with a projection onto one dimension",
                                 "Zhu et al., MLSys 2025, arXiv 2412.05270", 6});
}

}  // namespace gradus::rules
