// Coordinates as sines and cosines, so that a perceptron can follow high frequencies.
//
// Papers: Tancik et al., NeurIPS 2020, arXiv 2006.10739; sorted frequencies as in Hertz, Perel, Giryes, Sorkine-Hornung, Cohen-Or,
//         "SAPE: Spatially-Adaptive Progressive Encoding for Neural Optimization", NeurIPS 2021, arXiv 2104.09125.
//   e(x) = [x ; sin(2 pi b_1.x), cos(2 pi b_1.x), sin(2 pi b_2.x), ...],  b_f column f of the frequencies
#pragma once

#include "autograd/graph.h"
#include "core/rng.h"

namespace gradus {

/// x (N,d), frequencies (d,F) -> (N, d + 2F), without x where `identity` is false: (N, 2F). Throws ShapeError.
Tensor fourier_encoding(const Tensor& x, const Tensor& frequencies, bool identity = true);
/// (d,F): magnitudes sigma*N(0,1) sorted by size, each along a random direction.
Tensor sorted_frequencies(int64 dim, int64 count, double sigma, Rng& rng);

}  // namespace gradus
