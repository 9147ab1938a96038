// Running sums along one axis.
#include <algorithm>

#include "core/kernels/columns.h"
#include "core/kernels/reduce.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

// One column of n numbers, `stride` apart. Infinities and NaN stay from where they occur.
void running_sum(const real* from, real* to, int64 n, int64 stride) {
  double running = 0;
  for (int64 j = 0; j < n; ++j) {
    running += static_cast<double>(from[j * stride]);
    to[j * stride] = static_cast<real>(running);
  }
}

}  // namespace

Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  Tensor y(x.shape());
  if (x.numel() == 0) return y;
  const int64 n = x.dim(axis), inner = x.shape().stride(axis), outer = x.numel() / (n * inner);
  const real* a = x.data();
  real* o = y.mutable_data();
  constexpr int kVectors = 4;
  constexpr int64 kWide = kVectors * kLanes;
  const int64 chunks = (inner + kWide - 1) / kWide;
  parallel_for(outer * chunks, kParallelGrain / (n * std::min(inner, kWide)) + 1,
               [=](int64 begin, int64 end) {
                 for (int64 task = begin; task < end; ++task) {
                   const int64 column = task % chunks * kWide, size = std::min(kWide, inner - column);
                   const int64 stride = reverse ? -inner : inner;
                   const int64 at = task / chunks * n * inner + column + (reverse ? (n - 1) * inner : 0);
                   int64 k = 0;
                   if (size == kWide) {
                     running_sums<kVectors>(a + at, o + at, n, stride);
                     k = size;
                   }
                   for (; k + kLanes <= size; k += kLanes) running_sums<1>(a + at + k, o + at + k, n, stride);
                   for (; k < size; ++k) running_sum(a + at + k, o + at + k, n, stride);
                 }
               });
  return y;
}

}  // namespace gradus::kernels
