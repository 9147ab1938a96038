#include "optim/elements.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gradus {

double sum_of_squares(const Tensor& t) {
  return sum_elements(t, [](real x) { return static_cast<double>(x) * static_cast<double>(x); });
}

double dot(const Tensor& a, const Tensor& b) {
  return sum_elements(a, b, [](real x, real y) { return static_cast<double>(x) * static_cast<double>(y); });
}

double norm(const Tensor& t) { return std::sqrt(sum_of_squares(t)); }

// Behind the sign, infinities and NaNs have the largest bit patterns: a maximum of integers, at the speed of memory.
bool all_finite(const Tensor& t) {
  using Bits = std::conditional_t<sizeof(real) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits kInfinity = std::bit_cast<Bits>(std::numeric_limits<real>::infinity()) << 1;
  const real* x = t.data();
  std::atomic<bool> finite{true};
  const int64 n = t.numel(), blocks = n / detail::kBlock;
  const bool far = n >= detail::kFarFrom;
  parallel_for(blocks, kParallelGrain / detail::kBlock, [&](int64 begin, int64 end) {
    std::array<Bits, detail::kBlock> most{};
    for (int64 block = begin; block < end; ++block) {
      const real* p = x + block * detail::kBlock;
      if (far) detail::ask_for_block(p);
      for (std::size_t i = 0; i < most.size(); ++i)
        most[i] = std::max<Bits>(most[i], std::bit_cast<Bits>(p[i]) << 1);
    }
    if (*std::max_element(most.begin(), most.end()) >= kInfinity) finite = false;
  });
  for (int64 i = blocks * detail::kBlock; i < n; ++i)
    if (std::bit_cast<Bits>(x[i]) << 1 >= kInfinity) finite = false;
  return finite;
}

}  // namespace gradus
