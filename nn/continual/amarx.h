// A global classifier trained on classes as Gaussians: a softmax with a margin for each pair of classes.
//
// Paper: Yao, Chang, "Adaptive Margin Global Classifier for Exemplar-Free Class-Incremental Learning", 2024, arXiv 2409.13275.
//   class k in the space of features: mean mu_k, covariance Sigma_k; of old classes Sigma^_k = Sigma_k + ve_lambda*diag(Sigma_k)
//   m_kj = (w_j - w_k)' Sigma^_k (w_j - w_k)/2
//   L_k = log sum_j exp(w_j'mu_k + b_j + m_kj) - (w_k'mu_k + b_k)
// L_k bounds the expected cross-entropy over N(mu_k, Sigma^_k) from above (Jensen). Each class counts once, however many examples it had.
#pragma once

#include <string>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// Sigma^ (K,d,d): covariances of classes with old[k] != 0 enlarged. `diagonal`: only diagonals are used. Throws ShapeError.
Tensor enlarged_covariances(const Tensor& covariances, const IntTensor& old, double ve_lambda, bool diagonal);

struct AmarxTerms {
  Tensor margins;  ///< (C,K), m of the term's class against all
  Tensor losses;   ///< (C)
};
/// C terms of classes `labels` (C) at `means` (C,d) with covariances (C,d,d), which are not differentiated; weight (K,d),
/// bias (K). Throws ShapeError, DataError for a label out of range.
AmarxTerms amarx_terms(const Tensor& weight, const Tensor& bias, const Tensor& means,
                       const Tensor& covariances, const IntTensor& labels);

struct ClassStatistics {
  Tensor means;        ///< (K,d); 0 of a class without examples
  Tensor covariances;  ///< (K,d,d), unbiased, with ridge*I
  IntTensor counts;    ///< (K)
};
/// Of features (N,d), summed in double; the covariance of fewer than two examples is ridge*I. Throws DataError for labels
/// outside 0..num_classes-1.
ClassStatistics class_statistics(const Tensor& features, const IntTensor& labels, int64 num_classes,
                                 double ridge);

/// mu_k + L_k noise[k,i] with L_k L_k' = Sigma_k, (K,n,d). Throws NumericError for a covariance that is not positive definite.
Tensor gaussian_features(const Tensor& means, const Tensor& covariances, const Tensor& noise);

}  // namespace gradus
