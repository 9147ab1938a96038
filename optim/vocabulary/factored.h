// Factored second moments: a matrix of squares kept as the means of its rows and of its columns.
// Shazeer, Stern, "Adafactor", ICML 2018, arXiv 1804.04235, section 3: V_ij = R_i C_j / mean(R).
#pragma once

#include <span>
#include <vector>

#include "optim/elements.h"
#include "optim/state.h"
#include "optim/vocabulary/words.h"

namespace gradus {

/// Means over rows and columns of a (rows, cols) matrix.
struct Margins {
  std::vector<double> row, col;  ///< (rows), (cols)
};
/// The margins of the matrix whose row i is what write_row(i, to) puts into to[0..cols-1]; called once a row, on any
/// thread. Independent of the number of threads.
template <class WriteRow>
Margins margins(int64 rows, int64 cols, const WriteRow& write_row);

/// 1/sqrt(V) as an outer product: row[i]*col[j] = 1/sqrt(R_i C_j / mean(R)). Taken apart so that products of
/// small numbers do not underflow.
struct RootFactors {
  std::vector<real> row, col;
};
/// Moves the slots `r` and `c` of the state towards the margins (r = beta*r + (1-beta)*row) and returns the
/// root factors of the moved means.
RootFactors update_factors(State& s, const char* r, const char* c, const Margins& m, double beta);

/// Sum of (g_ij*row[i]*col[j])^2.
double sum_of_scaled_squares(const Tensor& g, int64 rows, int64 cols, const RootFactors& root);

/// 1/max(1, RMS/threshold) of an update of n elements with this sum of squares.
inline double rms_clip(double sum_of_squares, int64 n, double threshold) {
  return 1 / std::max(1.0, std::sqrt(sum_of_squares / static_cast<double>(n)) / threshold);
}

// ---- template implementation

template <class WriteRow>
Margins margins(int64 rows, int64 cols, const WriteRow& write_row) {
  constexpr int64 kRows = 32;  // rows of a chunk: partial column sums are added chunk after chunk
  const int64 chunks = (rows + kRows - 1) / kRows;
  const auto width = static_cast<size_t>(cols);
  Margins out{std::vector<double>(static_cast<size_t>(rows)), std::vector<double>(width)};
  std::vector<double> partial(static_cast<size_t>(chunks) * width);
  for_each_row(chunks, kRows * cols, [&](int64 chunk) {
    std::vector<real> x(width);
    double* col = partial.data() + static_cast<size_t>(chunk) * width;
    for (int64 i = chunk * kRows; i < std::min(rows, (chunk + 1) * kRows); ++i) {
      write_row(i, x.data());
      out.row[static_cast<size_t>(i)] = sum_of(
          cols, [](real y) { return static_cast<double>(y); }, std::as_const(x).data());
      for (size_t j = 0; j < width; ++j) col[j] += static_cast<double>(x[j]);
    }
  });
  for (int64 chunk = 0; chunk < chunks; ++chunk)
    for (size_t j = 0; j < width; ++j) out.col[j] += partial[static_cast<size_t>(chunk) * width + j];
  for (double& x : out.row) x /= static_cast<double>(cols);
  for (double& x : out.col) x /= static_cast<double>(rows);
  return out;
}

}  // namespace gradus
