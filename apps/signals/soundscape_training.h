// Learning how pleasant mixes are, and choosing maskers by it.
//
// Paper: Watcharasupat, Ooi, Lam, Wong, Ong, Gan, "Autonomous In-Situ Soundscape Augmentation via Joint Selection of Masker and
//        Gain", IEEE Signal Processing Letters 29, 2022, doi 10.1109/LSP.2022.3194419.
//   loss: gaussian_nll of ratings, or their mean squared error (deterministic); Adam, the step size falls to 0 by a cosine
//   search: the soundscape is encoded once, every masker once; a head for each (masker, gain)
// Departure: a fixed number of epochs in place of early stopping.
#pragma once

#include <functional>
#include <vector>

#include "data/signals/soundscape_synth.h"
#include "nn/signals/masker_choice.h"
#include "nn/signals/soundscape_network.h"

namespace gradus {

/// Rated mixes: masker -1 is none.
struct RatedMix {
  int64 ambient = 0, masker = -1;
  double gain_db = 0, y = 0;
};
struct RatedMixes {
  std::vector<AmbientSound> ambients;
  std::vector<MaskerSound> maskers;
  std::vector<RatedMix> mixes;
};
/// `count` mixes of pools of sounds, gains from `gains`, one in ten without a masker.
RatedMixes draw_rated_mixes(int64 count, int64 ambients, int64 maskers_a_class,
                            const std::vector<double>& gains, const SoundSize& size, const Rng& rng);

struct SoundscapeTrainingOptions {
  double lr = 1e-3;
  int64 batch_size = 32, epochs = 5;
  bool deterministic = false;
  void visit(auto&& f) {
    f("lr", lr, "step size of Adam at the start", positive());
    f("batch_size", batch_size, "mixes of a step", at_least(2));
    f("epochs", epochs, "passes over the mixes", at_least(0));
    f("deterministic", deterministic, "squared errors of the mean, no spread");
  }
};
/// Trains in place and leaves the network in evaluation mode. Throws UsageError for fewer mixes than a batch, NumericError for a
/// loss that is not finite.
void train_soundscape(SoundscapeNetwork& network, const RatedMixes& data,
                      const SoundscapeTrainingOptions& options, const Rng& rng,
                      const std::function<void(double done, double loss)>& after_step);

/// Predictions for every masker at every gain over one ambient sound.
struct MaskerSearch {
  Tensor mu, sigma;  ///< (maskers, gains)
  double mu_none = 0;
  int64 encoder_passes = 0;  ///< of this ambient sound, maskers encoded beforehand not counted
};
class MaskerSearcher {
 public:
  /// Encodes the maskers once. Both have to outlive it.
  MaskerSearcher(SoundscapeNetwork& network, const std::vector<MaskerSound>& maskers);
  MaskerSearch operator()(const Tensor& ambient_levels, const std::vector<double>& gains) const;

 private:
  SoundscapeNetwork& network_;
  const std::vector<MaskerSound>& maskers_;
  Tensor features_;  // (maskers, T', D), undefined unless joint
};

}  // namespace gradus
