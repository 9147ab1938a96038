// Philox4x32-10 (Salmon et al., SC 2011; see core/rng.h) for many counters at once, in a form that becomes vector code.
#pragma once

#include <array>
#include <cstdint>

#include "core/shape.h"

namespace gradus {

// In plain variables, so that a loop over counters becomes vector code.
inline std::array<std::uint32_t, 4> philox_rounds(std::uint32_t c0, std::uint32_t c1, std::uint32_t c2,
                                                  std::uint32_t c3, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c0, b = std::uint64_t{0xCD9E8D57} * c2;
    c0 = static_cast<std::uint32_t>(b >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(b);
    c2 = static_cast<std::uint32_t>(a >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(a);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {c0, c1, c2, c3};
}

inline constexpr int64 kTogether = 64;  // blocks that are computed side by side, in vector code
using Blocks = std::array<std::array<std::uint32_t, kTogether>, 4>;

// philox() of kTogether counters in a row.
inline void philox_row(std::uint64_t first, std::uint64_t stream, std::uint64_t seed, Blocks& out) {
  for (int64 j = 0; j < kTogether; ++j) {
    const std::uint64_t counter = first + static_cast<std::uint64_t>(j);
    const auto r =
        philox_rounds(static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
                      static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32),
                      static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
    for (size_t k = 0; k < 4; ++k) out[k][static_cast<size_t>(j)] = r[k];
  }
}

}  // namespace gradus
