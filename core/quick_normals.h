// Standard normal numbers for directions, of which very many are wanted.
#pragma once

#include "core/rng.h"

namespace gradus {

/// Four numbers out of one block of `rng` in place of one, up to 6.8 in size, to 7e-7 of it or 4e-4 near 0 (core/box_muller.h).
/// Element i depends on (state, i) only, and the generator advances by the tensor's size.
Tensor quick_normal_tensor(Rng& rng, const Shape& shape);

}  // namespace gradus
