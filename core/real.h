// The element type of every tensor. The library is compiled twice from the same sources: `gradus` with float,
// `gradus64` with double (finite differences in float prove nothing). Never link both into one program.
#pragma once

#include <cstdint>

namespace gradus {

#ifdef GRADUS_DOUBLE
using real = double;
inline constexpr const char* kRealName = "float64";
#else
using real = float;
inline constexpr const char* kRealName = "float32";
#endif

using int64 = std::int64_t;

}  // namespace gradus
