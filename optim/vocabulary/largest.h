// The largest element of a tensor in size.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "optim/elements.h"

namespace gradus {

/// max |x| over the elements; 0 where there are none.
inline real largest_size(const Tensor& t) {
  constexpr int64 kChunk = detail::kSumChunk, kLanes = detail::kSumLanes;
  const int64 n = t.numel(), chunks = (n + kChunk - 1) / kChunk;
  const real* x = t.data();
  std::vector<real> tops(static_cast<size_t>(chunks));
  parallel_for(chunks, std::max<int64>(1, kParallelGrain / kChunk), [&](int64 begin, int64 end) {
    for (int64 c = begin; c < end; ++c) {
      std::array<real, kLanes> lanes{};
      const int64 last = std::min(n, (c + 1) * kChunk);
      int64 i = c * kChunk;
      for (; i + kLanes <= last; i += kLanes)
        for (int64 j = 0; j < kLanes; ++j) {
          const real size = x[i + j] < 0 ? -x[i + j] : x[i + j];
          real& lane = lanes[static_cast<size_t>(j)];
          lane = size > lane ? size : lane;
        }
      for (; i < last; ++i) lanes[0] = std::max(lanes[0], x[i] < 0 ? -x[i] : x[i]);
      tops[static_cast<size_t>(c)] = *std::max_element(lanes.begin(), lanes.end());
    }
  });
  return tops.empty() ? real(0) : *std::max_element(tops.begin(), tops.end());
}

}  // namespace gradus
