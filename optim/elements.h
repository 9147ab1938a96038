// Passes over tensors, element by element: one fused, vectorised, threaded loop for a whole update.
//
//   for_each_element(p.data, p.grad, s("m"), [=](real& w, real g, real& m) { m = mu * m + g; w -= lr * m; });
//   const double square = sum_elements(p.grad, [](real g) { return double(g) * g; });
//
// The last argument is the body; a Tensor before it is opened for writing, a const Tensor for reading. All
// must have equal numel and distinct storage. Hoist every scalar into a local `real`: the loop then
// vectorises. Neither results of passes nor sums depend on the number of threads.
#pragma once

#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "core/threads.h"

namespace gradus {
namespace detail {

inline real* open(Tensor& t) { return t.mutable_data(); }
inline const real* open(const Tensor& t) { return t.data(); }

// Threads get whole blocks, so that an element meets the same (vector or remainder) code however many there
// are.
inline constexpr int64 kBlock = 64;

// A pass over more than the caches hold is bound by how many lines a core has under way, and the hardware's own
// prefetching stops at every page: asking for lines 4 KiB ahead makes it up to a third faster.
inline constexpr int64 kAhead = 4096 / sizeof(real), kFarFrom = (int64{1} << 20) / sizeof(real);
inline void ask_for_block(const real* p) {
  constexpr int64 kLine = 64 / sizeof(real);
#pragma GCC unroll 8
  for (int64 i = 0; i < kBlock; i += kLine) __builtin_prefetch(p + kAhead + i, 0, 2);
}

// Bodies come by value: their scalars then stand in registers. Behind a reference a condition or a std::max on one is an
// access to memory under a condition, which keeps the loop from becoming vector code.
template <class Body, class... P>
void run_elements(int64 begin, int64 end, const Body body, P* __restrict... p) {
#pragma GCC ivdep
  for (int64 i = begin; i < end; ++i) body(p[i]...);
}

// The blocks begin..end-1 of n elements; `far`: they come from beyond the caches.
template <class Body, class... P>
void run_blocks(int64 begin, int64 end, int64 n, bool far, const Body body, P* __restrict... p) {
  const int64 whole = std::min(end, n / kBlock);
  for (int64 block = begin; block < whole; ++block) {
    const int64 first = block * kBlock;
    if (far) (ask_for_block(p + first), ...);
#pragma GCC ivdep
    for (int64 i = first; i < first + kBlock; ++i) body(p[i]...);
  }
  if (whole < end) run_elements(std::max(begin, whole) * kBlock, n, body, p...);
}

inline constexpr int64 kSumChunk = 4096, kSumLanes = 16;

// Sum over begin..end-1 in kSumLanes interleaved partial sums: a fixed order that vectorises.
template <class Body, class... P>
double sum_chunk(int64 begin, int64 end, const Body body, const P* __restrict... p) {
  std::array<double, kSumLanes> lanes{};
  int64 i = begin;
  for (; i + kSumLanes <= end; i += kSumLanes)
    for (int64 j = 0; j < kSumLanes; ++j) lanes[static_cast<size_t>(j)] += body(p[i + j]...);
  for (int64 j = 0; i < end; ++i, ++j) lanes[static_cast<size_t>(j)] += body(p[i]...);
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

template <class First, class... Rest>
int64 common_numel(const First& first, const Rest&... rest) {
  const int64 n = first.numel();
  if (((rest.numel() != n) || ... || false))
    fail<ShapeError>("for_each_element: tensors of different sizes, the first has shape {}",
                     first.shape().str());
  return n;
}

}  // namespace detail

/// Calls body(a[i], b[i], ...) for every element, split over threads when there is enough work.
template <class... Args>
void for_each_element(Args&&... args) {
  constexpr size_t count = sizeof...(Args) - 1;
  auto all = std::forward_as_tuple(args...);
  const auto& body = std::get<count>(all);
  [&]<size_t... I>(std::index_sequence<I...>) {
    const int64 n = detail::common_numel(std::get<I>(all)...);
    const auto pointers = std::make_tuple(detail::open(std::get<I>(all))...);
    const int64 blocks = (n + detail::kBlock - 1) / detail::kBlock;
    parallel_for(blocks, kParallelGrain / detail::kBlock, [&](int64 begin, int64 end) {
      detail::run_blocks(begin, end, n, n >= detail::kFarFrom, body, std::get<I>(pointers)...);
    });
  }
  (std::make_index_sequence<count>());
}

/// The sum of body(a[i], b[i], ...) over all elements, in double, in a fixed order.
template <class... Args>
double sum_elements(const Args&... args) {
  constexpr size_t count = sizeof...(Args) - 1;
  auto all = std::forward_as_tuple(args...);
  const auto& body = std::get<count>(all);
  return [&]<size_t... I>(std::index_sequence<I...>) {
    const int64 n = detail::common_numel(std::get<I>(all)...);
    const int64 chunks = (n + detail::kSumChunk - 1) / detail::kSumChunk;
    const auto sum = [&](int64 chunk) {
      const int64 begin = chunk * detail::kSumChunk;
      return detail::sum_chunk(begin, std::min(n, begin + detail::kSumChunk), body,
                               std::get<I>(all).data()...);
    };
    if (chunks <= 1) return n ? sum(0) : 0.0;
    std::vector<double> parts(static_cast<size_t>(chunks));
    parallel_for(chunks, kParallelGrain / detail::kSumChunk, [&](int64 begin, int64 end) {
      for (int64 c = begin; c < end; ++c) parts[static_cast<size_t>(c)] = sum(c);
    });
    double total = 0;
    for (double part : parts) total += part;
    return total;
  }
  (std::make_index_sequence<count>());
}

/// body(a[i], b[i], ...) for i in 0..n-1 on the calling thread: the inner loop of a pass by rows. The arrays
/// must not overlap.
template <class Body, class... P>
void elements(int64 n, const Body& body, P* __restrict... p) {
  detail::run_elements(0, n, body, p...);
}
/// The sum of body(a[i], ...) for i in 0..n-1 on the calling thread, in the fixed order of sum_elements.
template <class Body, class... P>
double sum_of(int64 n, const Body& body, const P* __restrict... p) {
  double total = 0;
  for (int64 i = 0; i < n; i += detail::kSumChunk)
    total += detail::sum_chunk(i, std::min(n, i + detail::kSumChunk), body, p...);
  return total;
}

/// Calls body(row) for the rows 0..rows-1 of a matrix with `cols` columns, split over threads when there is
/// enough work.
template <class Body>
void for_each_row(int64 rows, int64 cols, const Body& body) {
  parallel_for(rows, std::max<int64>(1, kParallelGrain / std::max<int64>(1, cols)),
               [&](int64 begin, int64 end) {
                 for (int64 row = begin; row < end; ++row) body(row);
               });
}

double sum_of_squares(const Tensor& t);
double dot(const Tensor& a, const Tensor& b);
/// Euclidean norm over all elements.
double norm(const Tensor& t);
/// No NaN and no infinity among the elements.
bool all_finite(const Tensor& t);

}  // namespace gradus
