// Adaptation to a drifting stream without labels: entropy of reliable predictions, at perturbed parameters, with a small surrogate gap.
//
// Paper: Yu, Lu, Zhang, 2025, arXiv 2506.05736 (CSFA); put together from the parts that its abstract names: SAR (Niu et al., ICLR 2023)
// and GSAM (optim/methods/gap_direction.h). lambda: scales and shifts of normalisation layers, all that is adapted; of each batch:
//   logits = logit_scale*cos(f(x; lambda), P);  predictions are those of this pass;  keep1 = {H < E0},  E0 = e0_factor*log C
//   g = gradient of mean H over keep1;  at lambda + rho*g/||g||: keep2 = {i in keep1: H' < E0},  g_p = gradient of mean H' over keep2
//   d = gap_direction(g, g_p; alpha);  buf = d at first, then momentum*buf + d;  lambda -= lr*buf
//   ema of mean H' over keep2; below reset_const lambda starts anew
// No row in keep1 or keep2: no step, and nothing that is remembered changes. alpha = 0: SAR; also rho = 0 and e0_factor beyond 1: TENT.
// use_filter = false takes every row into keep1; keep2 is filtered all the same.
#pragma once

#include <optional>
#include <vector>

#include "apps/continual/features.h"
#include "core/options.h"
#include "optim/state_archive.h"

namespace gradus {

struct RsgsOptions {
  double lr = 1e-3, momentum = 0.9, rho = 0.05, alpha = 0.4, e0_factor = 0.4, reset_const = 0,
         logit_scale = 16;
  bool use_filter = true, refresh = false;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("momentum", momentum, "of the steps", decay_rate());
    f("rho", rho, "length of the perturbation", at_least(0));
    f("alpha", alpha, "weight of the surrogate gap", at_least(0));
    f("e0_factor", e0_factor, "entropies below this times log(classes) are reliable", at_least(0));
    f("use_filter", use_filter, "drop unreliable rows before the first gradient");
    f("reset_const", reset_const, "a running entropy below it starts the adaptation anew", at_least(0));
    f("logit_scale", logit_scale, "of the cosines", positive());
    f("refresh", refresh, "prototypes follow the features of reliable rows");
  }
};

class Rsgs {
 public:
  /// `features`: of rows by lambda (any number of tensors), (N,e); prototypes (C,e).
  Rsgs(FeatureMap features, const std::vector<Tensor>& lambda, const Tensor& prototypes,
       const RsgsOptions& options);
  struct Batch {
    IntTensor predictions;  ///< (N), of the pass before the step
    int64 reliable = 0, reliable_perturbed = 0;
    double entropy = 0;  ///< mean over all rows
  };
  /// Throws NumericError for entropies that are not finite.
  Batch adapt(const Tensor& x);
  const std::vector<Tensor>& lambda() const { return lambda_; }
  const Tensor& prototypes() const { return prototypes_; }
  void state(const StateArchive& archive);

 private:
  Tensor unit_features(std::span<const Tensor> lambda, const Tensor& x) const;
  Tensor logits_of(const Tensor& unit) const;
  void move(const std::vector<Tensor>& g, const std::vector<Tensor>& g_p, double loss);
  void refresh(const Tensor& unit, const IntTensor& predictions, const IntTensor& keep);

  FeatureMap features_;
  RsgsOptions o_;
  std::vector<Tensor> lambda_, start_;
  Tensor prototypes_;
  Tensor buf_;  // (all of lambda); undefined before the first step
  std::optional<double> ema_;
};

}  // namespace gradus
