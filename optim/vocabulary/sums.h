// Passes that change tensors and take sums on the way, in one reading of memory:
//
//   const auto [pp, pg] = for_each_with_sums<2>(w, g, [=](real& w, real g, double& pp, double& pg) {
//     const real p = -lr * g;
//     w += p, pp = p * p, pg = p * g; });
//
// The last K arguments of the body are the element's terms, to be set. As in elements.h sums are taken in double, in a
// fixed order that does not depend on the number of threads.
#pragma once

#include "optim/elements.h"

namespace gradus {
namespace detail {

inline constexpr int64 kTerms = 64;

// Terms go to an array first and are then added lane by lane: two plain loops, which both vectorise.
template <size_t K, class Body, class... P>
std::array<double, K> run_with_sums(int64 begin, int64 end, const Body body, P* __restrict... p) {
  std::array<std::array<double, kTerms>, K> terms{}, lanes{};
  std::array<double, K> sums{};
  [&]<size_t... k>(std::index_sequence<k...>) {
    int64 i = begin;
    for (; i + kTerms <= end; i += kTerms) {
#pragma GCC ivdep
      for (int64 j = 0; j < kTerms; ++j) body(p[i + j]..., terms[k][static_cast<size_t>(j)]...);
      for (size_t n = 0; n < K; ++n)
        for (size_t j = 0; j < kTerms; ++j) lanes[n][j] += terms[n][j];
    }
    for (size_t j = 0; i < end; ++i, ++j) {
      body(p[i]..., terms[k][j]...);
      ((lanes[k][j] += terms[k][j]), ...);
    }
  }
  (std::make_index_sequence<K>());
  for (size_t n = 0; n < K; ++n)
    for (double lane : lanes[n]) sums[n] += lane;
  return sums;
}

}  // namespace detail

/// Calls body(a[i], ..., terms...) for every element and returns the sums of the K terms.
template <size_t K, class... Args>
std::array<double, K> for_each_with_sums(Args&&... args) {
  constexpr size_t count = sizeof...(Args) - 1;
  auto all = std::forward_as_tuple(args...);
  const auto& body = std::get<count>(all);
  return [&]<size_t... I>(std::index_sequence<I...>) {
    const int64 n = detail::common_numel(std::get<I>(all)...);
    const auto pointers = std::make_tuple(detail::open(std::get<I>(all))...);
    const int64 chunks = (n + detail::kSumChunk - 1) / detail::kSumChunk;
    std::vector<std::array<double, K>> parts(static_cast<size_t>(chunks));
    parallel_for(chunks, kParallelGrain / detail::kSumChunk, [&](int64 begin, int64 end) {
      for (int64 c = begin; c < end; ++c)
        parts[static_cast<size_t>(c)] = detail::run_with_sums<K>(
            c * detail::kSumChunk, std::min(n, (c + 1) * detail::kSumChunk), body, std::get<I>(pointers)...);
    });
    std::array<double, K> sums{};
    for (const auto& part : parts)
      for (size_t k = 0; k < K; ++k) sums[k] += part[k];
    return sums;
  }
  (std::make_index_sequence<count>());
}

/// The same for a[0] .. a[n-1] on the calling thread: the inner loop of a pass by rows.
template <size_t K, class Body, class... P>
std::array<double, K> elements_with_sums(int64 n, const Body& body, P* __restrict... p) {
  return detail::run_with_sums<K>(0, n, body, p...);
}

}  // namespace gradus
