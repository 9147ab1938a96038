// When SGD stays near an interpolating minimum: the second moment of its iterates, and how well the examples' Hessians align.
//
// Paper: Dexter, Ocejo, Keerthi, Gupta, Acharya, Khanna, "A Precise Characterization of SGD Stability Using Loss Surface
//        Geometry", ICLR 2024, arXiv 2401.12332.
//   at w = 0 every gradient vanishes;  H_i >= 0 the Hessian of example i, H = (1/n) sum H_i
//   w <- w - (lr/B) sum_{i in S} H_i w,   each i in S with probability B/n by itself
//   E w w' = M  goes over into  T(M) = (I - lr*H) M (I - lr*H) + V(M)
//     bernoulli            V = (lr^2/n^2) (n/B - 1) sum H_i M H_i
//     with_replacement     V = (lr^2/B) [(1/n) sum H_i M H_i - H M H]
//     without_replacement  V = lr^2 (n - B)/(B n (n - 1)) [sum H_i M H_i - n H M H]
//   stable in mean square where the spectral radius of T is below 1
//   S_ij = sqrt(tr(H_i H_j)),  coherence = lam_1(S)/max_i lam_1(H_i)
//   unstable if lam_1(H) > 2/lr,  or lam_1(H) > (coherence/lr) (n/B - 1)^(-1/2),  or max_i lam_1(H_i) > (n/lr) (n/B - 1)^(-1/2)
// Departure: the largest eigenvalue of T is found by Lanczos, not by power iteration; T is symmetric, and maps matrices that
// are positive semidefinite to such, so that it is the spectral radius.
#pragma once

#include <string>

#include "core/tensor.h"

namespace gradus {

struct Coherence {
  Tensor s;                           ///< (n,n)
  double coherence = 0;               ///< between 1 and n for H_i of rank one
  double top_eigenvalue = 0;          ///< lam_1(H)
  double max_example_eigenvalue = 0;  ///< max_i lam_1(H_i)
};
/// Of Hessians (n,p,p), symmetric. Throws ShapeError, NumericError where all are zero.
Coherence hessian_coherence(const Tensor& hessians);
/// Of H_i = B_i'B_i with B (n,C,p), without forming any H_i: S_ij = ||B_i B_j'||_F. Throws as hessian_coherence.
Coherence root_coherence(const Tensor& roots);
/// The roots for cross-entropy: B_i = (diag(sqrt q_i) - sqrt q_i q_i') J_i with q_i = softmax(logits_i), so that
/// B_i'B_i = J_i'(diag(q_i) - q_i q_i')J_i. For squared loss B_i = J_i. Jacobians (n,C,p), logits (n,C). Throws ShapeError.
Tensor cross_entropy_roots(const Tensor& jacobians, const Tensor& logits);
/// Coordinates of roots (n,C,p) in an orthonormal basis of the space that their rows span, (n,C,r) with r <= n*C: all that
/// happens near the minimum happens there.
Tensor in_row_space(const Tensor& roots);

/// Inverses of the least step sizes that are unstable by each sufficient condition; 0: none.
struct InverseSteps {
  double curvature;  ///< lam_1(H)/2
  double coherence;  ///< lam_1(H) sqrt(n/B - 1)/coherence
  double example;    ///< max_i lam_1(H_i) sqrt(n/B - 1)/n
};
/// Throws UsageError unless 1 <= B <= n.
InverseSteps inverse_steps(const Coherence& c, int64 batch_size);

/// T for Hessians (n,p,p).
class SecondMoment {
 public:
  /// `sampling`: bernoulli, with_replacement, without_replacement. Throws ShapeError; UsageError for another sampling, and
  /// unless 1 <= B, and B <= n where no example is drawn twice.
  SecondMoment(const Tensor& hessians, double lr, int64 batch_size,
               const std::string& sampling = "bernoulli");
  /// T(M), (p,p), of a symmetric M.
  Tensor operator()(const Tensor& m) const;
  double spectral_radius() const;

 private:
  Tensor hessians_, mean_, contraction_;  // H_i (n,p,p), H, I - lr*H
  double each_ = 0, together_ = 0;        // V = each*sum H_i M H_i - together*H M H
};

/// The iterate w (p) after the batch of examples with chosen[i] = 1 (n). Throws ShapeError.
Tensor bernoulli_step(const Tensor& hessians, const Tensor& w, const IntTensor& chosen, double lr,
                      int64 batch_size);

}  // namespace gradus
