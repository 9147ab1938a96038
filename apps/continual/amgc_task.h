// One task of AMGC: new classes learned beside old ones that are remembered as Gaussians alone.
//
// Paper: Yao, Chang, 2024, arXiv 2409.13275; the loss in nn/continual/amarx.h.
//   of a batch of new classes: mu_c = mean of class c's features, through which the extractor learns;
//   Sigma_c = ema*Sigma_c + (1-ema)*their unbiased covariance (of two or more), without gradient
//   L = mean over {old classes at what is stored, enlarged} and {new classes of the batch} of the class loss
//       + kd*mean over the batch of ||f - f_0||^2,   f_0 the extractor before the task
//   SGD with momentum; weight decay on the extractor alone, since it would shrink the margins
// new_term = per_sample: a new class's term is the cross-entropy of its features, their mean.
#pragma once

#include <string>
#include <vector>

#include "apps/continual/descent.h"
#include "apps/continual/features.h"
#include "core/options.h"

namespace gradus {

struct AmgcOptions {
  double lr = 0.05, momentum = 0.9, weight_decay = 5e-4, kd = 10, ve_lambda = 0.5, ema = 0.9;
  std::string new_term = "mean";
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("momentum", momentum, "of SGD", decay_rate());
    f("weight_decay", weight_decay, "of the extractor", at_least(0));
    f("kd", kd, "weight of the distance to the old features", at_least(0));
    f("ve_lambda", ve_lambda, "old variances are enlarged by this share", at_least(0));
    f("ema", ema, "of the new covariances", between(0, 1));
    f("new_term", new_term, "new classes at their mean, or example by example",
      choices({"mean", "per_sample"}));
  }
};

/// Classes 0..K0-1 are old: means (K0,d), covariances (K0,d,d); the others new, with first covariances (K-K0,d,d).
struct AmgcStart {
  std::vector<Tensor> extractor;
  Tensor weight, bias;  ///< (K,d), (K)
  Tensor old_means, old_covariances, new_covariances;
};

class AmgcTask {
 public:
  AmgcTask(FeatureMap features, const AmgcOptions& options);
  AmgcTask(FeatureMap features, const AmgcStart& start, const AmgcOptions& options)
      : AmgcTask(std::move(features), options) {
    begin(start);
  }
  /// Throws ShapeError for classes that do not add up.
  void begin(const AmgcStart& start);
  struct Losses {
    double total = 0, classes = 0;
  };
  /// Losses before the step. Throws DataError for a label that is not new, NumericError where the loss is not finite.
  Losses step(const LabelledRows& batch, double lr_scale = 1);
  std::vector<Tensor> extractor() const { return extractor_.copies(); }
  Tensor weight() const { return classifier_.copies()[0]; }
  Tensor bias() const { return classifier_.copies()[1]; }
  const Tensor& new_covariances() const { return new_covariances_; }
  void state(const StateArchive& archive);

 private:
  Tensor class_loss(const Tensor& f, const IntTensor& labels, const Tensor& weight, const Tensor& bias);

  FeatureMap features_;
  AmgcOptions o_;
  std::vector<Tensor> first_;  // the extractor before the task
  Tensor old_means_, old_covariances_, new_covariances_;
  Descent extractor_, classifier_;
};

}  // namespace gradus
