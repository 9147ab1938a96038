// Frames of a radio channel as a receiver meets them: noisy values at the pilots, and the grid they are to tell.
//
// Setting of: Guler, Jafarkhani, "AdaFortiTran: An Adaptive Transformer Model for Robust OFDM Channel Estimation", IEEE ICC 2025.
//   pilots = H at subcarriers 0, pilot_spacing, ... and symbols 3 and 10, plus CN(0, 10^(-snr/10))   (least squares)
// H is tdl_channel of TDL-A; phases and angles are drawn anew for every frame and tap, so that E|H|^2 = 1.
#pragma once

#include <array>
#include <vector>

#include "core/rng.h"
#include "data/signals/tdl_channel.h"

namespace gradus {

struct OfdmGrid {
  int64 subcarriers = 60, pilot_spacing = 10, waves = 16;
  void visit(auto&& f) {
    f("subcarriers", subcarriers, "of a frame", at_least(1));
    f("pilot_spacing", pilot_spacing, "subcarriers from one pilot to the next", at_least(1));
    f("waves", waves, "plane waves of a tap", at_least(1));
  }
  static constexpr int64 kSymbols = 14;
  static constexpr std::array<int64, 2> kPilotSymbols = {3, 10};
  int64 pilot_rows() const { return (subcarriers + pilot_spacing - 1) / pilot_spacing; }
};
struct ChannelConditions {
  double snr_db = 20, delay_spread_ns = 150, doppler_hz = 500;
};
/// SNR in 0..25 dB (whole numbers), delay spread in 50..300 ns, Doppler in 200..1000 Hz, each uniform.
ChannelConditions training_conditions(Rng& rng);

struct OfdmFrames {
  Tensor pilots_re, pilots_im;  ///< (N,P,2)
  Tensor re, im;                ///< (N,K,14)
  Tensor conditions;            ///< (N,3): SNR/30 dB, delay spread/350 ns, Doppler/1400 Hz
};
/// A frame for each of the conditions; the i-th depends on rng.fork(i) alone.
OfdmFrames ofdm_frames(const std::vector<ChannelConditions>& conditions, const OfdmGrid& grid,
                       const Rng& rng);

}  // namespace gradus
