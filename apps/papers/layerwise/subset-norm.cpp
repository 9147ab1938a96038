// Subset-Norm.
// Paper: Nguyen, Nguyen, "Efficient Adaptive Optimization via Subset-Norm and Subspace-Momentum: Fast, Memory-Reduced Training with
//        Convergence Guarantees", ICML 2025, arXiv 2411.07120.
//   V = beta2*V + (1-beta2)*s        s = sums of g^2 over subsets: the rows of a matrix, or its columns
//   M = beta1*M + (1-beta1)*g        in a subspace (sm): M of the projected gradient, plus what the projection leaves out
//   w = w - lr_t * M/(sqrt(V) + eps)
// The claims at our scale: a transformer ends no higher than with Adam, with about half of the state; with momentum in a subspace no
// more than 0.03 higher, with less.
// Departures: two layers on characters in place of LLaMA; rank 16.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void subset_norm_experiment(Experiment& e) {
  TrainConfig config = small_language_model();
  config.schedule = "cosine:warmup=50";
  e.setting(config);
  e.arm("subset-norm").optim("subset-norm").tune("lr", {3e-3, 1e-2, 2e-2, 4e-2, 8e-2});
  e.arm("subset-norm-subspace")
      .optim("subset-norm:momentum_type=sm,rank=16,update_proj_gap=100")
      .tune("lr", {3e-3, 1e-2, 2e-2, 4e-2, 8e-2});
  e.arm("adam").optim("adam").tune("lr", {1e-3, 3e-3, 6e-3, 1e-2, 2e-2});
  e.tune_for("test_loss");
  e.seeds(4);
  e.claim("test loss no more than 0.01 above Adam's", not_worse("subset-norm", "adam", "test_loss", 0.01));
  e.claim("state of at most 60 % of Adam's bytes",
          ratio_at_most("subset-norm", "adam", "optimizer_bytes", 0.6));
  e.claim("momentum in a subspace: test loss no more than 0.03 above Adam's",
          not_worse("subset-norm-subspace", "adam", "test_loss", 0.03));
  e.claim("momentum in a subspace: state of at most half of Adam's bytes",
          ratio_at_most("subset-norm-subspace", "adam", "optimizer_bytes", 0.5));
}

}  // namespace

Paper subset_norm() {
  return {.slug = "subset-norm",
          .family = "layerwise",
          .title =
              "Efficient Adaptive Optimization via Subset-Norm and Subspace-Momentum: Fast, Memory-Reduced "
              "Training with Convergence Guarantees",
          .authors = "Nguyen, Nguyen",
          .venue = "ICML",
          .year = 2025,
          .arxiv = "2411.07120",
          .idea =
              "One second moment for each row or column of a matrix instead of one an entry; "
              "momentum only in a subspace. Claimed: Adam's loss in fewer steps, with a fifth of "
              "its memory.",
          .equations =
              "V = beta2*V + (1-beta2)*sum over the subset of g^2\n"
              "M = beta1*M + (1-beta1)*P g,  numerator = P'M + (g - P'P g)\n"
              "w = w - lr_t * numerator/(sqrt(V) + eps)",
          .files = {"optim/rules/subset_norm.cpp", "optim/rules/subspace.cpp"},
          .use = "gradus train --optim subset-norm:lr=1e-2",
          .experiment = subset_norm_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
