// Points that fill a cube more evenly than random ones, and normal variables made of them.
#pragma once

#include <span>

#include "core/rng.h"

namespace gradus {

/// Coordinates that halton_points has primes for.
inline constexpr int64 kHaltonDimensions = 10;

/// Halton, "On the efficiency of certain quasi-random sequences of points", Numerische Mathematik 2, 1960: point m of n has index
/// start_index + m, its coordinate j is the radical inverse of the index in the j-th prime, moved by shift[j] and taken modulo 1
/// (a random shift keeps every point uniform). (n, d), d <= kHaltonDimensions, n >= 1, start_index >= 0; throws UsageError.
Tensor halton_points(int64 n, std::span<const double> shift, int64 start_index = 1);
/// (n, d): in every coordinate one point in each of n equal parts, in random order, at a random place. McKay, Beckman, Conover,
/// Technometrics 21(2), 1979.
Tensor latin_hypercube(int64 n, int64 d, Rng& rng);
/// Standard normal variables of uniform ones, element by element; 0 and 1, which have none, count as the closest number of `real`
/// to them.
Tensor normal_of_uniform(const Tensor& u);

}  // namespace gradus
