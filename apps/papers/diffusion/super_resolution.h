// Small images and the degraded ones they are to be restored from.
#pragma once

#include "core/rng.h"
#include "core/tensor.h"
#include "data/dataset.h"

namespace gradus {

struct DegradedImages {
  Tensor sharp, condition;  ///< (n,1,s,s) in [-1,1]: the image; blurred, halved, noisy, and enlarged again
};
/// The first `count` images, means over 2x2 pixels. Degradation: Gaussian blur of deviation 0.6 to 1.4 pixels, means over 2x2, noise of
/// deviation 0 to 0.05, bilinear back to size; all drawn by `rng`.
DegradedImages degraded_images(const Dataset& set, int64 count, Rng rng);

/// Mean over images of 10 log10(4 / mean squared error), in dB.
double mean_psnr(const Tensor& out, const Tensor& sharp);
/// Mean of | |DFT(out)| - |DFT(sharp)| | over frequencies beyond half of the highest.
double high_frequency_error(const Tensor& out, const Tensor& sharp);

}  // namespace gradus
