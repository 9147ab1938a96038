// The exact denoiser of a mixture of Gaussians: what a perfectly trained network would say, without a network.
//   M_c = ab S_c + (1-ab) I,  D_c = m_c + a S_c M_c^-1 (x - a m_c)
//   posterior_c ~ prior_c N(x; a m_c, M_c),  D_none = sum_c posterior_c D_c
#pragma once

#include <vector>

#include "nn/diffusion/denoiser.h"

namespace gradus {

/// Covariances are decomposed once, S_c = V L V', so that every level costs two products a row and class; all in double.
class GaussianOracle : public Denoiser {
 public:
  /// means (C,d), covariances (C,d,d) symmetric, priors (C) not negative. Throws ShapeError, DataError for priors without a
  /// positive one.
  GaussianOracle(const Tensor& means, const Tensor& covariances, const Tensor& priors);

  struct Answer {
    Tensor x0_class, posterior, x0_uncond;  ///< (B,C,d), (B,C), (B,d)
  };
  /// x (B,d). Throws ShapeError, DataError for an alpha_bar outside [0,1].
  Answer all(const Tensor& x, double alpha_bar) const;
  Tensor denoise(const Tensor& x, const NoiseLevel& level, const IntTensor& classes) override;
  int64 dim() const { return d_; }
  int64 classes() const { return classes_; }

 private:
  // D of one class into d numbers, and the logarithm of its density at x.
  double estimate(const real* x, double alpha_bar, int64 c, double* estimate) const;
  // Posterior of all classes, and their estimates (C,d).
  void posterior(const real* x, double alpha_bar, std::vector<double>& share,
                 std::vector<double>& estimates) const;

  int64 d_, classes_;
  std::vector<double> means_, values_, vectors_,
      log_priors_;  // (C,d), (C,d), (C,d,d) rows are eigenvectors, (C)
};

}  // namespace gradus
