// Sounds laid over each other in decibels, and how pleasant people call them.
//
// Paper: Watcharasupat, Ooi, Lam, Wong, Ong, Gan, "Autonomous In-Situ Soundscape Augmentation via Joint Selection of Masker and
//        Gain", IEEE Signal Processing Letters 29, 2022, doi 10.1109/LSP.2022.3194419.
//   mix = 10 log10(10^(ambient/10) + 10^((masker + gain)/10))
//   pleasantness = (pleasant - annoying + (calm + vibrant - chaotic - monotonous)/sqrt 2)/(4 + sqrt 32), from ratings 1 to 5
#pragma once

#include "core/tensor.h"

namespace gradus {

/// Levels in dB, element by element; shapes equal, else ShapeError.
Tensor mix_levels(const Tensor& ambient_db, const Tensor& masker_db, const Tensor& gain_db);
/// ratings (B,8): pleasant, eventful, chaotic, vibrant, uneventful, calm, annoying, monotonous -> (B), in [-1,1]. Throws
/// ShapeError.
Tensor pleasantness_label(const Tensor& ratings);

}  // namespace gradus
