// A masker laid over a recorded soundscape: the pair of masker and gain that a network calls most pleasant.
//
// Paper: as soundscape_training.h. The network is trained on drawn sounds (data/signals/soundscape_synth.h), for no recordings with
// ratings are here: what it prefers is what that generator prefers.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "apps/signals/soundscape_training.h"
#include "core/wav.h"

namespace gradus {

struct MaskerMixOptions {
  std::vector<double> gains = {-10, -5, 0, 5, 10, 15};
  /// Level of the ambient sound in dB; NaN: as its samples say, 94 dB being a mean square of 1.
  double level = std::numeric_limits<double>::quiet_NaN();
  int64 mixes = 3000, epochs = 5, seed = 0;
  MaskerPolicy policy;
};
struct MaskerMix {
  MaskerChoice choice;       ///< masker -1: none is better than all
  double gain_db = 0;        ///< of the masker at 55 dB
  double mu = 0, sigma = 0;  ///< predicted pleasantness of the choice, in [-1,1], and its spread
  double mu_none = 0;        ///< without a masker
  double ambient_level = 0;  ///< in dB
  Sound mix;                 ///< as long as the ambient sound, of its channels
  int64 clipped = 0;         ///< samples of it beyond [-1,1]
};
/// Maskers are repeated where they are shorter. Throws UsageError for no masker or gain, DataError for sounds of different rates, too
/// short or silent.
MaskerMix mix_masker(const Sound& ambient, const std::vector<Sound>& maskers,
                     const std::vector<std::string>& names, const MaskerMixOptions& options,
                     const std::function<void(double done)>& progress);

}  // namespace gradus
