// Images made small: means over squares of pixels, standardised, for problems whose networks should have few weights.
#pragma once

#include <span>

#include "core/tensor.h"
#include "data/dataset.h"

namespace gradus {

struct PooledImages {
  Tensor x;          ///< (n, C*(H/window)*(W/window)), of mean 0 and deviation 1 over all numbers
  IntTensor labels;  ///< (n)
};
/// The examples `chosen`, with means over squares of `window` pixels (what is left at the right and below is cut off). Throws
/// UsageError for sets that are no labelled images, no examples, and windows larger than an image.
PooledImages pooled_images(const Dataset& set, std::span<const int64> chosen, int64 window);

}  // namespace gradus
