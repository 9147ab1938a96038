// Passes by parts: several loops over one part of all tensors while it is in the caches, then over the next, so that
// memory is read once for all of them.
//
//   for_each_part(n, [&](Part part) {
//     elements(part, [](real& x, real y) { x += y; }, a, b);
//     elements(part, [](real& x, real y) { x *= y; }, c, std::as_const(a)); });
#pragma once

#include "optim/elements.h"

namespace gradus {

/// The elements first .. first+count-1 of every tensor of a pass.
struct Part {
  static constexpr int64 kMost = detail::kSumChunk;  ///< count is at most this
  int64 first, count;
};

/// Calls body(part) for the parts of n elements, split over threads when there is enough work.
template <class Body>
void for_each_part(int64 n, const Body& body) {
  constexpr int64 kPart = Part::kMost;
  parallel_for((n + kPart - 1) / kPart, std::max<int64>(1, kParallelGrain / kPart),
               [&](int64 begin, int64 end) {
                 for (int64 i = begin; i < end; ++i) body(Part{i * kPart, std::min(kPart, n - i * kPart)});
               });
}

/// The sums of `terms` numbers, which body(part, double* sum) sets for its part; added in a fixed order.
template <class Body>
std::vector<double> sum_parts(int64 n, size_t terms, const Body& body) {
  constexpr int64 kPart = Part::kMost;
  std::vector<double> sums(terms), of_part(terms * static_cast<size_t>((n + kPart - 1) / kPart));
  for_each_part(
      n, [&](Part part) { body(part, of_part.data() + terms * static_cast<size_t>(part.first / kPart)); });
  for (size_t i = 0; i < of_part.size(); ++i) sums[i % terms] += of_part[i];
  return sums;
}

/// body(a[i], b[i], ...) for the elements of a part; asks for memory ahead.
template <class Body, class... P>
void elements(Part part, const Body& body, P* __restrict... p) {
  const int64 end = part.first + part.count;
  detail::run_blocks(part.first / detail::kBlock, (end + detail::kBlock - 1) / detail::kBlock, end, true,
                     body, p...);
}
/// body(own[j], a[i], b[i], ...) for the elements of a part, j = 0.. counting them: with numbers that live as long as the
/// part is worked on. Asks for memory ahead.
template <class Body, class... P>
void elements_with(real* __restrict own, Part part, const Body body, P* __restrict... p) {
  for (int64 begin = 0; begin < part.count; begin += detail::kBlock) {
    (detail::ask_for_block(p + part.first + begin), ...);
    detail::run_elements(0, std::min(detail::kBlock, part.count - begin), body, own + begin,
                         p + part.first + begin...);
  }
}
/// The sum of body(a[i], ...) over the elements of a part, in a fixed order; asks for memory ahead.
template <class Body, class... P>
double sum_of(Part part, const Body& body, const P* __restrict... p) {
  std::array<double, detail::kBlock> lanes{};
  int64 i = part.first;
  const int64 end = part.first + part.count;
  for (; i + detail::kBlock <= end; i += detail::kBlock) {
    (detail::ask_for_block(p + i), ...);
    for (int64 j = 0; j < detail::kBlock; ++j) lanes[static_cast<size_t>(j)] += body(p[i + j]...);
  }
  for (int64 j = 0; i < end; ++i, ++j) lanes[static_cast<size_t>(j)] += body(p[i]...);
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

}  // namespace gradus
