// EVA: low-rank adapters that start from the principal components of what their layers read, with ranks spread by explained variance.
//
// Paper: Paischer, Hauzenberger, Schmied, Alkin, Deisenroth, Hochreiter, "One Initialization to Rule them All: Fine-tuning via
//        Explained Variance Adaptation", 2024, arXiv 2410.07170.
//   k = round(rank*rho);  batch by batch, for every layer: incremental PCA of its inputs (incremental_pca.h)
//   converged_i = (v_i new . v_i old >= tau); a layer whose first rank_l components all are is settled, and skips batches
//   ranks: of all layers' ratios, the L*rank largest (ties: earlier layer, earlier component); rank_l = how many are of layer l
//   A_l = the first rank_l components;  B_l = 0;  lora_alpha_l = lora_alpha*rank_l/rank
// Departures: PCA is centred, as released; with whiten each row is divided by sqrt(S_i) once, also where layers share a PCA.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "nn/adapters/incremental_pca.h"
#include "nn/adapters/registry.h"

namespace gradus {

/// scores (L,k), each row descending: how many of the L*rank largest each layer has. `normalize`: none, sum, max (of a row).
std::vector<int64> allocate_ranks(const std::vector<std::vector<double>>& scores, int64 rank,
                                  const std::string& normalize = "none");

struct EvaOptions {
  int64 rank = 2;
  double rho = 2, tau = 0.99;
  int64 max_batches = 50;
  bool whiten = false;
  double lora_alpha = 1;
  bool adjust_scaling_factors = true;
  void visit(auto&& f) {
    f("rank", rank, "of a layer in the mean", at_least(1));
    f("rho", rho, "a layer's rank is at most round(rank*rho); 1: all have the same", at_least(1));
    f("tau", tau, "a component that turns by less than this cosine has converged", between(-1, 1));
    f("max_batches", max_batches, "that are looked at", at_least(0));
    f("whiten", whiten, "rows of A are divided by the roots of their singular values");
    f("lora_alpha", lora_alpha, "of a layer of the mean rank", positive());
    f("adjust_scaling_factors", adjust_scaling_factors,
      "alpha in proportion to the rank: one scaling everywhere");
  }
};

/// Watches L layers; those with source[l] = l own a PCA, the others (source[l] < l) read the same inputs as layer source[l].
class EvaSearch {
 public:
  /// Throws UsageError for a source that is neither the layer itself nor an owner before it.
  EvaSearch(std::vector<int64> source, const EvaOptions& options);
  /// Every owner has converged, or max_batches were taken.
  bool done() const;
  /// One batch: rows (N,d) that each layer reads; of a layer that is settled or shares they are not looked at.
  void feed(std::span<const Tensor> inputs);

  int64 steps() const { return steps_; }
  const std::vector<int64>& ranks() const { return ranks_; }
  /// (rank_l, d). Throws DataError where no batch had k rows.
  Tensor A(size_t l) const;
  double alpha(size_t l) const;
  /// Updates of the PCA that layer l reads.
  int64 updates(size_t l) const { return pca(l).updates(); }

 private:
  const IncrementalPca& pca(size_t l) const { return pcas_[static_cast<size_t>(source_[l])]; }
  bool owner(size_t l) const { return source_[l] == static_cast<int64>(l); }
  bool settled(size_t l) const;

  EvaOptions o_;
  std::vector<int64> source_, ranks_;
  std::vector<IncrementalPca> pcas_;
  std::vector<std::vector<bool>> converged_;
  int64 steps_ = 0;
};

/// Runs the model (evaluation mode, nothing recorded) on batches, `next` giving them, until the search over the linear layers that
/// `targets` names is done; then gives each layer of rank >= 1 a LoRA adapter of its rank, alpha and A. Freezes as attach_adapters.
/// `form`: "eva"; for comparison "start": its A at equal ranks; "ranks": its ranks, A at random; "orthonormal": equal ranks, random orthonormal A.
std::vector<AdaptedLayer> attach_eva(Module& model, const EvaOptions& options, const std::string& targets,
                                     const std::function<Tensor()>& next, const Rng& rng,
                                     const std::string& form = "eva");

}  // namespace gradus
