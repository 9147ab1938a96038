// Sinkhorn scaling: a matrix of entries >= 0 made doubly stochastic by dividing columns and rows by their sums in turn.
// Paper: Sinkhorn, "A Relationship Between Arbitrary Positive Matrices and Doubly Stochastic Matrices", Annals of
//        Mathematical Statistics 1964; unrolled, so that it can be differentiated, as in the reference code of NeuralNDCG.
//   M = M / max(column sums, eps);   M = M / max(row sums, eps);   until all sums are within tol of 1
// Departure: rounds are counted in double precision, since sums of float are no better than tol; the rounds themselves run
// in the program's own.
#pragma once

#include "core/options.h"
#include "nn/ranking/list_mask.h"

namespace gradus {

struct SinkhornOptions {
  int64 max_iter = 50;
  double tol = 1e-6;

  void visit(auto&& f) {
    f("max_iter", max_iter, "most rounds of Sinkhorn scaling", at_least(0));
    f("tol", tol, "distance of all row and column sums from 1 at which the rounds end", at_least(0));
  }
};

struct SinkhornResult {
  Tensor matrix;     ///< (B,n,n)
  int64 iterations;  ///< rounds done, the same for all matrices of the call
};

/// matrix (B,n,n). Within, entries of a real and a padded item are 0 and those of two padded ones 1; in the result all
/// entries of padded items are 0. Throws ShapeError.
SinkhornResult sinkhorn(const Tensor& matrix, const ListMask& mask, const SinkhornOptions& options = {});

}  // namespace gradus
