// FOSTER's losses and heads: weights of unequally filled classes, boosting a frozen network by a second one, compression of both.
//
// Paper: Wang, Zhou, Ye, Zhan, "FOSTER: Feature Boosting and Compression for Class-Incremental Learning", ECCV 2022,
//        arXiv 2204.04662; the weights: Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019.
//   eff_k = 1 - beta^n_k,  w_k = (1-beta)/eff_k, scaled so that sum w = number of classes
//   boosting     L = CE(o/w, y) + CE(e, y) + lambda_okd*KD(o[:, old], q; T)       o both features, e the new ones, q the old network
//   compression  s = softmax(teacher/T)*w, rows scaled to sum 1;  L = -mean over rows of sum s*log softmax(student/T)
//   KD(a, b; T) = -mean over rows of sum softmax(b/T)*log softmax(a/T), without a factor T^2
// Logits are divided by w: a class of few examples (w > 1) must be told by a wider distance.
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// w (K) of the counts n (K), each at least 1 (else UsageError); 0 <= beta < 1.
Tensor class_balance_weights(const IntTensor& counts, double beta);

/// KD(logits, teacher; T) as above, (N,C) both; the teacher is not differentiated.
Tensor soft_target_loss(const Tensor& logits, const Tensor& teacher, double temperature);

struct FeatureBoostingOptions {
  double temperature = 2, lambda_okd = 1;
  void visit(auto&& f) {
    f("temperature", temperature, "logits are divided by it before they are compared", positive());
    f("lambda_okd", lambda_okd, "weight of the distillation of the old network", at_least(0));
  }
};
struct FeatureBoostingLoss {
  Tensor total, classify, new_features, distill;
};
/// logits, fe_logits (N,K), old_logits (N,K0) with K0 <= K, labels (N), class_weights (K) > 0. Throws ShapeError.
FeatureBoostingLoss boosting_loss(const Tensor& logits, const Tensor& fe_logits, const Tensor& old_logits,
                                  const IntTensor& labels, const Tensor& class_weights,
                                  const FeatureBoostingOptions& o);

/// s (N,K) of the teacher's logits, which are not differentiated.
Tensor balanced_target(const Tensor& teacher_logits, const Tensor& class_weights, double temperature);
/// Of student logits (N,K) and s.
Tensor compression_loss(const Tensor& student_logits, const Tensor& target, double temperature);

struct Classifier {
  Tensor weight, bias;  ///< (K,D), (K)
};
/// `fresh` (K, D+d) with the block of old classes and old features, and the old biases, from `old` (K0,D); with
/// `zero_cross` new classes start without old features. Throws ShapeError where the old one is larger.
Classifier expanded_classifier(const Classifier& old, const Classifier& fresh, bool zero_cross);

struct AlignedRows {
  Tensor weight;
  double gamma = 1;  ///< what the new rows were multiplied by
};
/// Weight aligning: rows from `old_classes` on are multiplied by the ratio of the mean norms of old and new rows times
/// wa_value^(old_classes/new classes). Throws UsageError where there are no old or no new rows, NumericError where all new rows are 0.
AlignedRows aligned_rows(const Tensor& weight, int64 old_classes, double wa_value);

}  // namespace gradus
