// Soundscapes and maskers drawn as spectrograms, and how pleasant a mix of them truly is.
//
// Made for: Watcharasupat, Ooi, Lam, Wong, Ong, Gan, "Autonomous In-Situ Soundscape Augmentation via Joint Selection of Masker and
//           Gain", 2022, whose recordings and ratings are not here. All of this generator is our own.
//   ambient = traffic (tilted, slowly swelling) + hum (bands 2-6) + bursts like speech (bands 15-35), of 50 to 75 dB
//   maskers at 55 dB: bird (chirps, bands 40-58), water (bands 20-60), wind (low), construction (impulses, all bands)
//   y* = tanh(c*audibility - 0.06 max(0, L_mix - 65) - 0.4 annoyance + 0.5 masked_share), c = 0.9, 0.6, 0.1, -0.8
//   audibility = share of cells with masker > ambient - 6 dB, times exp(-((L_ambient - L_masker + 3)/8)^2)
//   annoyance = share of the ambient's power that is traffic or hum; masked_share of traffic's cells below band 15
//   ratings: N(y*, 0.15^2 + 0.1^2 audibility), clipped to [-1,1]
// Bands are counted of 64; with fewer the same ranges are taken in proportion.
#pragma once

#include "core/options.h"
#include "core/rng.h"

namespace gradus {

struct SoundSize {
  int64 frames = 64, bands = 64;
  void visit(auto&& f) {
    f("frames", frames, "of a spectrogram", at_least(4));
    f("bands", bands, "of a spectrogram", at_least(8));
  }
};
enum class MaskerClass { kBird, kWater, kWind, kConstruction };
inline constexpr int64 kMaskerClasses = 4;

struct AmbientSound {
  Tensor levels, traffic;  ///< (T,F) in dB: all of it, and traffic alone
  double level = 0;        ///< in dB, of the mean power of a frame
  double annoyance = 0;    ///< in [0,1]
};
struct MaskerSound {
  Tensor levels;  ///< (T,F) in dB at unit gain
  MaskerClass kind = MaskerClass::kBird;
};
inline constexpr double kMaskerLevel = 55;

AmbientSound draw_ambient(const SoundSize& size, Rng& rng);
MaskerSound draw_masker(MaskerClass kind, const SoundSize& size, Rng& rng);

struct TruePleasantness {
  double y = 0, audibility = 0;
};
/// Of a masker at a gain over an ambient sound; a null masker: of the ambient alone. Throws ShapeError.
TruePleasantness true_pleasantness(const AmbientSound& ambient, const MaskerSound* masker, double gain_db);
/// What one listener says.
double rated_pleasantness(const TruePleasantness& truth, Rng& rng);

}  // namespace gradus
