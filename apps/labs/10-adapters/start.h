// Where an adapter starts.
#pragma once

#include <algorithm>

#include "lora.h"

// ---- Part 3

// The usual start: A as drawn (given here), B zero, so that the model is what it was.
inline Lora plain_start(const Matrix& drawn_a, size_t out, double alpha) {
  // BEGIN SOLUTION 3.1
  return {drawn_a, Matrix(out, drawn_a.rows), alpha};
  // END SOLUTION
}

// x' x / m of activations x (m, in): what directions the inputs of a layer have.
inline Matrix second_moment(const Matrix& x) {
  // BEGIN SOLUTION 3.2
  return (1 / double(x.rows)) * product(transposed(x), x);
  // END SOLUTION
}

// The r leading eigenvectors of a symmetric positive matrix, as orthonormal rows (r, n), by subspace iteration from the rows of
// `start` (r, n): `steps` times q <- q M, then rows made orthonormal from the first to the last (Gram-Schmidt: each row loses its
// part along the rows before it, then is divided by its norm).
inline Matrix leading_directions(const Matrix& m, const Matrix& start, int steps) {
  // BEGIN SOLUTION 3.3
  Matrix q = start;
  for (int t = 0; t < steps; ++t) {
    q = product(q, m);
    for (size_t i = 0; i < q.rows; ++i) {
      for (size_t k = 0; k < i; ++k) {
        double along = 0;
        for (size_t j = 0; j < q.cols; ++j) along += q(i, j) * q(k, j);
        for (size_t j = 0; j < q.cols; ++j) q(i, j) -= along * q(k, j);
      }
      double squares = 0;
      for (size_t j = 0; j < q.cols; ++j) squares += q(i, j) * q(i, j);
      for (size_t j = 0; j < q.cols; ++j) q(i, j) /= std::sqrt(squares);
    }
  }
  return q;
  // END SOLUTION
}

// Explained variance of orthonormal rows q: trace(q M q') / trace(M).
inline double explained(const Matrix& m, const Matrix& q) {
  // BEGIN SOLUTION 3.4
  const Matrix inside = product(product(q, m), transposed(q));
  double part = 0, all = 0;
  for (size_t i = 0; i < inside.rows; ++i) part += inside(i, i);
  for (size_t i = 0; i < m.rows; ++i) all += m(i, i);
  return part / all;
  // END SOLUTION
}

// EVA (Paischer et al., 2024, arXiv 2410.07170): A the leading directions of the layer's activations, B zero.
inline Lora eva_start(const Matrix& activations, const Matrix& first_rows, size_t out, double alpha,
                      int steps) {
  // BEGIN SOLUTION 3.5
  return plain_start(leading_directions(second_moment(activations), first_rows, steps), out, alpha);
  // END SOLUTION
}

// Ranks for layers under a budget: `total` directions go, one after another, to the layer whose next direction explains most.
// ratios[l] has the shares that the directions of layer l explain, falling. Of equal ones the earlier layer gets it.
inline std::vector<size_t> share_ranks(const std::vector<std::vector<double>>& ratios, size_t total) {
  // BEGIN SOLUTION 3.6
  std::vector<size_t> ranks(ratios.size(), 0);
  for (size_t n = 0; n < total; ++n) {
    size_t best = ratios.size();
    for (size_t l = 0; l < ratios.size(); ++l)
      if (ranks[l] < ratios[l].size() &&
          (best == ratios.size() || ratios[l][ranks[l]] > ratios[best][ranks[best]]))
        best = l;
    if (best == ratios.size()) break;
    ++ranks[best];
  }
  return ranks;
  // END SOLUTION
}
