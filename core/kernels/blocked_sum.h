// Sums of a computed term along a row, as long as it may be: by vector lanes in `real` within a block, the blocks in double.
#pragma once

#include <algorithm>
#include <utility>

#include "core/kernels/lanes.h"
#include "core/tensor.h"

namespace gradus::kernels {

namespace detail {

/// f(begin) + ... + f(end - 1) in `real`, for a block. Four stretches side by side: a quarter of the additions to each
/// lane, and of the waiting for them.
template <class F>
inline real block_sum(int64 begin, int64 end, const F& f) {
  real sum = 0;
  const int64 quarter = end - begin < 8 * kLanes ? 0 : (end - begin) / 4;
#pragma omp simd reduction(+ : sum)
  for (int64 i = begin; i < begin + quarter; ++i)
    sum += (f(i) + f(i + quarter)) + (f(i + 2 * quarter) + f(i + 3 * quarter));
#pragma omp simd reduction(+ : sum)
  for (int64 i = begin + 4 * quarter; i < end; ++i) sum += f(i);
  return sum;
}

inline constexpr int64 kSumBlock = 32 * kLanes;

}  // namespace detail

/// f(0) + ... + f(n - 1), without errors that grow with n.
template <class F>
inline real blocked_sum(int64 n, const F& f) {
  using namespace detail;
  if (n <= kSumBlock) return block_sum(0, n, f);
  double total = 0;
  for (int64 i = 0; i < n; i += kSumBlock)
    total += static_cast<double>(block_sum(i, std::min(n, i + kSumBlock), f));
  return static_cast<real>(total);
}

/// Two sums in one pass, of f(i) and of g(i). As blocked_sum.
template <class F, class G>
inline std::pair<real, real> blocked_sums(int64 n, const F& f, const G& g) {
  double all_f = 0, all_g = 0;
  for (int64 begin = 0; begin < n; begin += detail::kSumBlock) {
    const int64 end = std::min(n, begin + detail::kSumBlock);
    real sum_f = 0, sum_g = 0;
#pragma omp simd reduction(+ : sum_f, sum_g)
    for (int64 i = begin; i < end; ++i) {
      sum_f += f(i);
      sum_g += g(i);
    }
    all_f += static_cast<double>(sum_f);
    all_g += static_cast<double>(sum_g);
  }
  return {static_cast<real>(all_f), static_cast<real>(all_g)};
}

}  // namespace gradus::kernels
