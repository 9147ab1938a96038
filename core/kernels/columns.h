// Work down the columns of rows that lie in memory one behind the other: some vectors of columns at a time, kept in
// registers while a few rows go by.
#pragma once

#include <algorithm>
#include <array>

#include "core/kernels/lanes.h"
#include "core/tensor.h"

namespace gradus::kernels {

inline constexpr int64 kColumns =
    1024;  // worked on at a time, numbers of theirs stay in the first-level cache
inline constexpr int64 kRowsAtOnce = 32;  // taken up in `real`, before their sum goes to double

namespace detail {

/// take(k, sum) for the columns k .. k + kLanes - 1 of each vector of columns, `sum` over rows x + offsets[r].
template <int kVectors, class Take>
inline void sum_vectors(const real* x, const int64* offsets, int64 rows, int64 k, const Take& take) {
  Lanes sum[kVectors] = {};
  for (int64 r = 0; r < rows; ++r) {
    const real* row = x + offsets[r] + k;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sum[v] += load(row + v * kLanes);
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) take(k + v * kLanes, sum[v]);
}

/// The same for one vector: rows four at a time, or each addition would wait for the one before.
template <class Take>
inline void sum_vector(const real* x, const int64* offsets, int64 rows, int64 k, const Take& take) {
  Lanes sum[4] = {};
  int64 r = 0;
  for (; r + 4 <= rows; r += 4)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) sum[j] += load(x + offsets[r + j] + k);
  for (; r < rows; ++r) sum[0] += load(x + offsets[r] + k);
  take(k, (sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/// out[k] = sum over rows, for fewer columns than a vector has lanes.
inline void sum_rest(const real* x, const int64* offsets, int64 rows, int64 begin, int64 end, real* out) {
  std::array<real, kLanes> sum{};
  int64 r = 0;
  for (; r + 4 <= rows; r += 4) {
    const real *a = x + offsets[r], *b = x + offsets[r + 1], *c = x + offsets[r + 2], *d = x + offsets[r + 3];
    for (int64 k = begin; k < end; ++k) sum[static_cast<size_t>(k - begin)] += (a[k] + b[k]) + (c[k] + d[k]);
  }
  for (; r < rows; ++r)
    for (int64 k = begin; k < end; ++k) sum[static_cast<size_t>(k - begin)] += x[offsets[r] + k];
  std::copy_n(sum.begin(), end - begin, out + begin);
}

}  // namespace detail

/// out[k] = sum over rows r of x[offsets[r] + k] for k in 0..n-1, at most kRowsAtOnce rows.
inline void set_few_rows(real* out, const real* x, const int64* offsets, int64 rows, int64 n) {
  constexpr int kVectors = 8;
  const auto take = [out](int64 k, const Lanes& sum) { store(out + k, sum); };
  int64 k = 0;
  for (; k + kVectors * kLanes <= n; k += kVectors * kLanes)
    detail::sum_vectors<kVectors>(x, offsets, rows, k, take);
  for (; k + kLanes <= n; k += kLanes) detail::sum_vector(x, offsets, rows, k, take);
  if (k < n) detail::sum_rest(x, offsets, rows, k, n, out);
}

/// out[k] += the same sum, for any number of rows, n <= kColumns.
inline void add_rows(double* out, const real* x, const int64* offsets, int64 rows, int64 n) {
  std::array<real, kColumns> some;
  for (int64 r = 0; r < rows; r += kRowsAtOnce) {
    set_few_rows(some.data(), x, offsets + r, std::min(kRowsAtOnce, rows - r), n);
    for (int64 k = 0; k < n; ++k) out[k] += static_cast<double>(some[static_cast<size_t>(k)]);
  }
}

/// Running sums down kVectors * kLanes columns: to[j] = from[0] + ... + from[j], row j at j * stride (a negative one walks
/// upwards). What each addition rounds away is kept beside the sum (Knuth's two-sum).
template <int kVectors>
inline void running_sums(const real* from, real* to, int64 rows, int64 stride) {
  Lanes sum[kVectors] = {}, lost[kVectors] = {};
  for (int64 j = 0; j < rows; ++j) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Lanes x = load(from + j * stride + v * kLanes), next = sum[v] + x, of_x = next - sum[v];
      const Lanes rounded = (sum[v] - (next - of_x)) + (x - of_x);
      lost[v] += rounded == rounded ? rounded : Lanes{};  // NaN beside infinite sums
      sum[v] = next;
      store(to + j * stride + v * kLanes, next + lost[v]);
    }
  }
}

}  // namespace gradus::kernels
