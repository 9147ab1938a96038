// Low and high spatial frequencies of feature maps.
//
//   G = centred DFT2 of each channel, unnormalised (frequency 0 at floor(h/2), floor(w/2));  A = sqrt(|G|^2 + 1e-12) - 1e-6
//   low band: sqrt(fy^2 + fx^2) <= cutoff in whole frequencies; high: the rest
// A is |G| with a derivative at 0, and exactly 0 there. Two products with cosines and sines: maps are small.
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// A of maps (B,C,h,w), differentiable. Throws ShapeError.
Tensor spectral_magnitude(const Tensor& features);
/// 1 where the bin is of the low band, (h,w).
Tensor low_band(int64 h, int64 w, double cutoff);

/// Of one band: its vector, normalised by max(norm, 1e-6), (B,C*h*w), and the mean of A over its bins and all channels, (B); of a
/// band without bins 0.
struct Band {
  Tensor vector, energy;
};
Band band_of(const Tensor& magnitude, const Tensor& mask);

/// Rows over max(their norm, floor), differentiable.
Tensor normalised_rows(const Tensor& x, double floor = 1e-6);

}  // namespace gradus
