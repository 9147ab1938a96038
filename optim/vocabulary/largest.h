// The largest element of a tensor in size.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "optim/elements.h"

namespace gradus {

/// max |x[i]| for i in 0..n-1 on the calling thread; 0 where n is 0.
inline real largest_size(const real* x, int64 n) {
  // As many lanes as keep the loop a loop: fewer are unrolled into single numbers.
  constexpr size_t kLanes = static_cast<size_t>(detail::kBlock);
  const auto larger = [](real lane, real y) {
    const real size = y < 0 ? -y : y;
    return size > lane ? size : lane;
  };
  std::array<real, kLanes> lanes{};
  int64 i = 0;
  for (; i + detail::kBlock <= n; i += detail::kBlock) {
    detail::ask_for_block(x + i);
    for (size_t j = 0; j < kLanes; ++j) lanes[j] = larger(lanes[j], x[i + static_cast<int64>(j)]);
  }
  for (size_t j = 0; i < n; ++i, ++j) lanes[j] = larger(lanes[j], x[i]);
  for (size_t half = kLanes / 2; half > 0; half /= 2)
    for (size_t j = 0; j < half; ++j) lanes[j] = larger(lanes[j], lanes[j + half]);
  return lanes[0];
}

/// max |x| over the elements; 0 where there are none.
inline real largest_size(const Tensor& t) {
  constexpr int64 kChunk = detail::kSumChunk;
  const int64 n = t.numel(), chunks = (n + kChunk - 1) / kChunk;
  const real* x = t.data();
  std::vector<real> tops(static_cast<size_t>(chunks));
  parallel_for(chunks, std::max<int64>(1, kParallelGrain / kChunk), [&](int64 begin, int64 end) {
    for (int64 c = begin; c < end; ++c)
      tops[static_cast<size_t>(c)] = largest_size(x + c * kChunk, std::min(kChunk, n - c * kChunk));
  });
  return tops.empty() ? real(0) : *std::max_element(tops.begin(), tops.end());
}

}  // namespace gradus
