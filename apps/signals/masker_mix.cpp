#include "apps/signals/masker_mix.h"

#include <cmath>

#include "core/error.h"
#include "data/signals/mel_levels.h"

namespace gradus {
namespace {

constexpr double kFullScale = 94;  // dB of a mean square of 1

double level_of(const std::vector<double>& samples, const std::string& name) {
  double squares = 0;
  for (const double v : samples) squares += v * v / static_cast<double>(samples.size());
  if (squares <= 0) fail<DataError>("{}: the sound is silent", name);
  return 10 * std::log10(squares) + kFullScale;
}

// Levels of a sound as if it had this one.
Tensor levels_at(const std::vector<double>& samples, int64 rate, double own, double wanted,
                 const SoundSize& size) {
  MelOptions o;
  o.frames = size.frames, o.bands = size.bands, o.full_scale_db = kFullScale + wanted - own;
  return mel_levels(samples, rate, o);
}

}  // namespace

MaskerMix mix_masker(const Sound& ambient, const std::vector<Sound>& maskers,
                     const std::vector<std::string>& names, const MaskerMixOptions& options,
                     const std::function<void(double)>& progress) {
  if (maskers.empty() || options.gains.empty() || names.size() != maskers.size() + 1)
    fail<UsageError>("mix: {} maskers, {} gains", maskers.size(), options.gains.size());
  SoundSize size;
  size.frames = size.bands = 32;
  const std::vector<double> heard = ambient.mono();
  const double own = level_of(heard, names[0]);
  MaskerMix result;
  result.ambient_level = std::isnan(options.level) ? own : options.level;
  const Tensor levels = levels_at(heard, ambient.rate, own, result.ambient_level, size);
  std::vector<MaskerSound> candidates;
  std::vector<double> masker_level;
  for (size_t m = 0; m < maskers.size(); ++m) {
    if (maskers[m].rate != ambient.rate)
      fail<DataError>("{}: {} samples a second, {} has {}", names[m + 1], maskers[m].rate, names[0],
                      ambient.rate);
    const std::vector<double> samples = maskers[m].mono();
    masker_level.push_back(level_of(samples, names[m + 1]));
    candidates.push_back({levels_at(samples, ambient.rate, masker_level.back(), kMaskerLevel, size), {}});
  }
  const Rng seed(static_cast<std::uint64_t>(options.seed));
  SoundscapeNetworkOptions n;
  n.channels = {8, 16, 32};
  SoundscapeNetwork network(n);
  network.initialise(seed.fork("network"));
  SoundscapeTrainingOptions training;
  training.lr = 4e-3, training.epochs = options.epochs;
  train_soundscape(network,
                   draw_rated_mixes(options.mixes, 300, 15, options.gains, size, seed.fork("training")),
                   training, seed.fork("order"), [&](double done, double) { progress(done); });
  const MaskerSearch found = MaskerSearcher(network, candidates)(levels, options.gains);
  result.choice = choose_masker(found.mu, found.sigma, found.mu_none, 0, options.policy);
  result.mu = result.mu_none = found.mu_none;
  result.mix = ambient;
  if (result.choice.masker < 0) return result;
  const auto m = static_cast<size_t>(result.choice.masker);
  const int64 pair = result.choice.masker * std::ssize(options.gains) + result.choice.gain;
  result.gain_db = options.gains[static_cast<size_t>(result.choice.gain)];
  result.mu = static_cast<double>(found.mu.data()[pair]);
  result.sigma = static_cast<double>(found.sigma.data()[pair]);
  // Between the two the levels are those that were compared; all is as loud as the recording.
  const double gain = kMaskerLevel + result.gain_db - masker_level[m] - (result.ambient_level - own),
               factor = std::pow(10, gain / 20);
  for (size_t c = 0; c < ambient.channels.size(); ++c) {
    const std::vector<double>& from = maskers[m].channels[c % maskers[m].channels.size()];
    for (size_t i = 0; i < result.mix.channels[c].size(); ++i) {
      double& v = result.mix.channels[c][i];
      v += factor * from[i % from.size()];
      result.clipped += std::abs(v) > 1;
    }
  }
  return result;
}

}  // namespace gradus
