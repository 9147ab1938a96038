// The largest element of a tensor in size.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "optim/elements.h"

namespace gradus {

/// max |x[i]| for i in 0..n-1 on the calling thread; 0 where n is 0.
inline real largest_size(const real* x, int64 n) {
  constexpr int64 kLanes = detail::kSumLanes;
  std::array<real, kLanes> lanes{};
  int64 i = 0;
  for (; i + detail::kBlock <= n; i += detail::kBlock) {
    detail::ask_for_block(x + i);
    for (int64 k = i; k < i + detail::kBlock; k += kLanes)
      for (int64 j = 0; j < kLanes; ++j) {
        const real size = x[k + j] < 0 ? -x[k + j] : x[k + j];
        real& lane = lanes[static_cast<size_t>(j)];
        lane = size > lane ? size : lane;
      }
  }
  for (; i < n; ++i) lanes[0] = std::max(lanes[0], x[i] < 0 ? -x[i] : x[i]);
  return *std::max_element(lanes.begin(), lanes.end());
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
