// Images as rows of numbers in [0,1], for small perceptrons.
#pragma once

#include "data/dataset.h"
#include "data/pooled_images.h"

namespace gradus {

/// The first `count` examples (all, where there are fewer), means over squares of `window` pixels: x (n, d) in [0,1].
PooledImages unit_images(const Dataset& set, int64 count, int64 window);

}  // namespace gradus
