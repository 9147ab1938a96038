// How several row-major tensors are walked together under numpy broadcasting.
//
// Axes of extent 1 vanish and neighbouring axes along which every input behaves alike merge, so (N,C) + (C)
// becomes N rows of C and two equal shapes become one row. What is left has an innermost axis on which each
// input either advances by one element or stands still: inner loops need no index arithmetic.
#pragma once

#include <array>

#include "core/shape.h"

namespace gradus::kernels {

template <int K>
struct BroadcastPlan {
  int rank = 0;  ///< axes left after merging; 0 means a single element
  std::array<int64, Shape::kMaxRank> dims{};
  std::array<std::array<int64, Shape::kMaxRank>, K> strides{};  ///< of each input, 0 where it stands still
  int64 inner = 1, outer = 1;  ///< extent of the last axis; product of the others
  bool inner_moves(int k) const { return rank > 0 && strides[static_cast<size_t>(k)][size_t(rank - 1)] != 0; }
  /// Offset of input k at flat position `index` of the outer axes.
  int64 offset(int k, int64 index) const {
    int64 at = 0;
    for (int i = rank - 2; i >= 0; --i) {
      const auto axis = static_cast<size_t>(i);
      at += index % dims[axis] * strides[static_cast<size_t>(k)][axis];
      index /= dims[axis];
    }
    return at;
  }
};

/// The plan for writing `out`, row-major, from inputs of the given shapes (each broadcasts to `out`).
template <int K>
BroadcastPlan<K> broadcast_plan(const Shape& out, const std::array<const Shape*, K>& in) {
  BroadcastPlan<K> plan;
  std::array<int64, K> next{};  // stride of each input at the axis in hand
  next.fill(1);
  std::array<std::array<int64, Shape::kMaxRank>, K> strides{};
  std::array<int64, Shape::kMaxRank> dims{};
  int n = 0;  // axes found so far, innermost first
  for (int i = 1; i <= out.rank(); ++i) {
    const int64 extent = out[-i];
    std::array<int64, K> stride{};
    for (size_t k = 0; k < K; ++k) {
      const int64 own = i <= in[k]->rank() ? (*in[k])[-i] : 1;
      stride[k] = own == 1 ? 0 : next[k];
      next[k] *= own;
    }
    if (extent == 1) continue;
    bool merge = n > 0;
    for (size_t k = 0; k < K && merge; ++k) {
      const int64 inner = strides[k][static_cast<size_t>(n - 1)];
      merge = inner == 0 ? stride[k] == 0 : stride[k] == inner * dims[static_cast<size_t>(n - 1)];
    }
    if (merge) {
      dims[static_cast<size_t>(n - 1)] *= extent;
      continue;
    }
    dims[static_cast<size_t>(n)] = extent;
    for (size_t k = 0; k < K; ++k) strides[k][static_cast<size_t>(n)] = stride[k];
    ++n;
  }
  plan.rank = n;
  for (int i = 0; i < n; ++i) {
    const auto from = static_cast<size_t>(n - 1 - i), to = static_cast<size_t>(i);
    plan.dims[to] = dims[from];
    for (size_t k = 0; k < K; ++k) plan.strides[k][to] = strides[k][from];
    (i == n - 1 ? plan.inner : plan.outer) *= dims[from];
  }
  return plan;
}

}  // namespace gradus::kernels
