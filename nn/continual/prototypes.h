// Classes as prototypes on the unit sphere: new ones calibrated by those there are, and which predictions to rely on.
//
// Papers: Wang et al., "Few-Shot Class-Incremental Learning via Training-Free Prototype Calibration" (TEEN), NeurIPS 2023,
//         arXiv 2312.05229; Niu et al., "Towards Stable Test-Time Adaptation in Dynamic Wild World" (SAR), ICLR 2023,
//         arXiv 2302.12400; both as parts of Yu, Lu, Zhang, "Generalized Incremental Learning under Concept Drift across Evolving
//         Data Streams", 2025, arXiv 2506.05736 (CSFA), of which only the abstract was at hand.
//   p_c = normalise(mean of the shots),  a = softmax over b of tau*<p_c, B_b>,  q_c = normalise(sum_b a_cb B_b)
//   P_c = (1-shift)*p_c + shift*q_c
//   reliable: entropy H < e0_factor*log(number of classes)
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

/// Rows of (N,d) divided by their norms; a row of zeros stays. Differentiable.
Tensor normalised_rows(const Tensor& x);

struct CalibrationOptions {
  double tau = 16, shift = 0.5;
  void visit(auto&& f) {
    f("tau", tau, "sharpness of the attention to base classes", at_least(0));
    f("shift", shift, "share of the base classes", between(0, 1));
  }
};
struct CalibratedPrototypes {
  Tensor prototypes, attention, calibrated;  ///< p (C,d), a (C,B), P (C,d), not normalised again
};
/// shots (C,K,d), base (B,d). Throws ShapeError.
CalibratedPrototypes calibrate_prototypes(const Tensor& shots, const Tensor& base,
                                          const CalibrationOptions& options);

/// Entropy of softmax of each row of (N,C), (N); differentiable.
Tensor softmax_entropy(const Tensor& logits);
/// 1 where an entropy (N) lies below e0_factor*log(classes), else 0.
IntTensor reliable_rows(const Tensor& entropy, int64 classes, double e0_factor);
/// Mean of the entropies (N) whose row is kept; 0, with gradient 0, where none is.
Tensor mean_of_kept(const Tensor& entropy, const IntTensor& keep);

}  // namespace gradus
