// A sound as levels of mel bands in dB.
//
//   frames of Hann windows spread evenly over the sound; power |X_k|^2/(sum of squared windows) of each frequency, triangles on the mel
//   scale 2595 log10(1 + f/700) from 0 to half of the rate; level = 10 log10(power) + full_scale_db, 0 at least
#pragma once

#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct MelOptions {
  int64 frames = 64, bands = 64, window = 1024;
  double full_scale_db = 94;
  void visit(auto&& f) {
    f("frames", frames, "of the spectrogram", at_least(1));
    f("bands", bands, "of the spectrogram", at_least(1));
    f("window", window, "samples of a frame", between(64, 65536));
    f("full_scale_db", full_scale_db, "level of a sound whose mean square is 1");
  }
};
/// samples in [-1,1] -> (frames, bands). Throws DataError for fewer samples than a window.
Tensor mel_levels(const std::vector<double>& samples, int64 rate, const MelOptions& options = {});

}  // namespace gradus
