// Low-rank matrix completion: a symmetric positive semidefinite matrix M* of which some entries are known, sought as X X'.
//   f(X) = 1/(4 p) * sum over known (i,j) of ((X X')_ij - M*_ij)^2,   p = share of the entries that are known
// so that f is near ||X X' - M*||_F^2/4 for an X whose rows are alike in length.
// Setting of: Tong, Ma, Chi, "Accelerating Ill-Conditioned Low-Rank Matrix Estimation via Scaled Gradient Descent", JMLR 2021,
// arXiv 2005.08898.
#pragma once

#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct MatrixCompletion {
  Tensor known;  ///< (n,n), symmetric: 1 where the entry is known, else 0
  Tensor truth;  ///< M*, (n,n)
  double share;  ///< p: the mean of known
};

struct CompletionOptions {
  int64 size = 40;     ///< n
  double share = 0.4;  ///< of the entries on and above the diagonal, each known with this chance
  std::vector<double> eigenvalues = {1, 0.5, 0.25};  ///< of M*, positive; its rank is their number
};
/// A problem drawn at random, eigenvectors of M* uniform. Throws UsageError for sizes below 1, a share outside of (0,1], more
/// eigenvalues than n and eigenvalues that are not positive.
MatrixCompletion random_matrix_completion(const CompletionOptions& options, Rng& rng);

/// f as a differentiable function of X (n,r), (). Throws ShapeError.
Tensor completion_loss(const MatrixCompletion& problem, const Tensor& x);

}  // namespace gradus
