// Growing a BoostedNetwork (nn/boosting/boosted_network.h), block by block.
#pragma once

#include <functional>

#include "core/rng.h"
#include "nn/boosting/boosted_network.h"

namespace gradus {

struct BoostingOptions {
  std::string loss = "multiclass", activation = "sigmoid";
  int64 total = 200, units = 1, max_iter = 200;
  double eta = 1, subsample = 0.5, alpha = 1e-4;
  void visit(auto&& f) {
    f("loss", loss, "what is boosted", boosting_loss_choices());
    f("activation", activation, "of hidden units", activation_choices());
    f("total", total, "hidden units in the end; a multiple of `units`", at_least(1));
    f("units", units, "hidden units a block", at_least(1));
    f("max_iter", max_iter, "iterations of L-BFGS a block", at_least(1));
    f("eta", eta, "shrinkage of each step", positive());
    f("subsample", subsample, "share of the points that a block is fitted to",
      Limits{.low = 0, .high = 1, .low_open = true});
    f("alpha", alpha, "penalty on a block's weights", at_least(0));
  }
};

/// A block fitted to residuals (N,K) of x (N,d) by least squares: Glorot-uniform first values, L-BFGS with memory 10 and a Wolfe
/// line search. The gradient of this two-layer network is the only one there is.
BoostedBlock fit_block(const Tensor& x, const Tensor& residuals, const BoostingOptions& options,
                       const Rng& rng);
/// The whole procedure. y (N), of multiclass one-hot (N,K). Block t draws from rng.fork(t). `watch`, if given, is called behind
/// each block and ends it by `false`. Throws UsageError where `total` is no multiple of `units` or the subsample is empty.
BoostedNetwork boost(const Tensor& x, const Tensor& y, const BoostingOptions& options, const Rng& rng,
                     const std::function<bool(const BoostedNetwork&)>& watch = nullptr);

}  // namespace gradus
