#include "data/signals/soundscape_synth.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"

namespace gradus {
namespace {

// Powers (T,F).
struct Powers {
  explicit Powers(const SoundSize& s)
      : frames(s.frames), bands(s.bands), values(static_cast<size_t>(s.frames * s.bands)) {}
  double& at(int64 t, int64 f) { return values[static_cast<size_t>(t * bands + f)]; }
  double total() const {  // mean over frames of the sum over bands
    double sum = 0;
    for (const double v : values) sum += v;
    return sum / static_cast<double>(frames);
  }
  void scale_to(double power) {
    const double by = power / std::max(total(), 1e-12);
    for (double& v : values) v *= by;
  }
  Tensor in_db() const {
    Tensor out({frames, bands});
    for (size_t i = 0; i < values.size(); ++i)
      out.mutable_data()[i] = static_cast<real>(10 * std::log10(std::max(values[i], 1.0)));  // 0 dB at least
    return out;
  }
  int64 frames, bands;
  std::vector<double> values;
};

double power_of(double db) { return std::pow(10, db / 10); }
// A band counted of 64.
int64 band_at(double of_64, int64 bands) {
  return std::min(static_cast<int64>(of_64 * static_cast<double>(bands) / 64), bands - 1);
}
// Powers fluctuate by an exponential law, as those of noise.
double speckle(Rng& rng) { return -std::log(1 - rng.uniform()); }

Powers traffic_noise(const SoundSize& s, Rng& rng) {
  Powers p(s);
  const double tilt = rng.uniform(1, 2), depth = rng.uniform(0.2, 0.9), period = rng.uniform(1, 4),
               phase = rng.uniform(0, 2 * std::numbers::pi);
  for (int64 t = 0; t < s.frames; ++t) {
    const double swell = 1 + depth * std::sin(2 * std::numbers::pi * period * static_cast<double>(t) /
                                                  static_cast<double>(s.frames) +
                                              phase);
    for (int64 f = 0; f < s.bands; ++f)
      p.at(t, f) = swell * (0.5 + 0.5 * speckle(rng)) /
                   std::pow(1 + 64 * static_cast<double>(f) / static_cast<double>(s.bands), tilt);
  }
  return p;
}
Powers hum(const SoundSize& s, Rng& rng) {
  Powers p(s);
  const int64 line = band_at(rng.uniform(2, 7), s.bands);
  for (int64 t = 0; t < s.frames; ++t) p.at(t, line) = 1 + 0.1 * rng.normal() * rng.normal();
  return p;
}
Powers bursts(const SoundSize& s, Rng& rng) {
  Powers p(s);
  const int64 low = band_at(15, s.bands), high = band_at(35, s.bands);
  for (int64 t = 0; t < s.frames;) {
    const int64 length = 1 + rng.below(std::max<int64>(s.frames / 12, 1));
    if (rng.bernoulli(0.5)) {
      const double middle = rng.uniform(static_cast<double>(low), static_cast<double>(high));
      for (int64 u = t; u < std::min(t + length, s.frames); ++u)
        for (int64 f = low; f <= high; ++f) {
          const double off = (static_cast<double>(f) - middle) / (0.08 * static_cast<double>(s.bands));
          p.at(u, f) = std::exp(-off * off) * speckle(rng);
        }
    }
    t += length;
  }
  return p;
}

}  // namespace

AmbientSound draw_ambient(const SoundSize& size, Rng& rng) {
  Powers traffic = traffic_noise(size, rng), line = hum(size, rng), speech = bursts(size, rng);
  const double level = rng.uniform(50, 75), all = power_of(level);
  double shares[3] = {rng.uniform(0.2, 1), rng.uniform(0, 0.5), rng.uniform(0, 1)};
  if (speech.total() <= 0) shares[2] = 0;
  const double sum = shares[0] + shares[1] + shares[2];
  traffic.scale_to(all * shares[0] / sum);
  line.scale_to(all * shares[1] / sum);
  if (shares[2] > 0) speech.scale_to(all * shares[2] / sum);
  AmbientSound sound;
  sound.traffic = traffic.in_db();
  for (size_t i = 0; i < traffic.values.size(); ++i) traffic.values[i] += line.values[i] + speech.values[i];
  sound.levels = traffic.in_db();
  sound.level = level;
  sound.annoyance = (shares[0] + shares[1]) / sum;
  return sound;
}

MaskerSound draw_masker(MaskerClass kind, const SoundSize& size, Rng& rng) {
  Powers p(size);
  const int64 T = size.frames, F = size.bands;
  const auto fill = [&](double low, double high, const auto& power) {
    for (int64 t = 0; t < T; ++t)
      for (int64 f = band_at(low, F); f <= band_at(high, F); ++f) p.at(t, f) = power(t, f);
  };
  switch (kind) {
    case MaskerClass::kBird: {
      const double often = rng.uniform(0.15, 0.4), low = rng.uniform(40, 46), span = rng.uniform(6, 12);
      for (int64 t = 0; t < T; ++t)
        if (t == 0 || rng.bernoulli(often)) {
          const int64 from = band_at(low + span * rng.uniform(), F);
          p.at(t, from) += 0.5 + speckle(rng);
          if (t + 1 < T) p.at(t + 1, band_at(low + span * rng.uniform(), F)) += 0.5 * speckle(rng);
        }
      break;
    }
    case MaskerClass::kWater: {
      const double low = rng.uniform(18, 26), high = rng.uniform(50, 60);
      fill(low, high, [&](int64, int64) { return 0.3 + speckle(rng); });
      break;
    }
    case MaskerClass::kWind: {
      const double tilt = rng.uniform(0.8, 1.6);
      fill(0, 40, [&](int64, int64 f) {
        return (0.3 + speckle(rng)) /
               std::pow(1 + 64 * static_cast<double>(f) / static_cast<double>(F), tilt);
      });
      break;
    }
    case MaskerClass::kConstruction: {
      const int64 every = 3 + rng.below(std::max<int64>(T / 8, 1)), first = rng.below(every);
      for (int64 t = first; t < T; t += every)
        for (int64 f = 0; f < F; ++f) p.at(t, f) = 0.3 + speckle(rng);
      break;
    }
  }
  p.scale_to(power_of(kMaskerLevel));
  return {p.in_db(), kind};
}

TruePleasantness true_pleasantness(const AmbientSound& ambient, const MaskerSound* masker, double gain_db) {
  TruePleasantness truth;
  double level = ambient.level, masked = 0;
  if (masker) {
    if (!(masker->levels.shape() == ambient.levels.shape()))
      fail<ShapeError>("true_pleasantness: ambient {}, masker {}", ambient.levels.shape().str(),
                       masker->levels.shape().str());
    const int64 F = ambient.levels.dim(1), cells = ambient.levels.numel(), low = band_at(15, F);
    double heard = 0, low_cells = 0;
    for (int64 i = 0; i < cells; ++i) {
      // A cell of 0 dB is silence: no gain makes it sound.
      const bool sounds = masker->levels.data()[i] > 0;
      const double m = static_cast<double>(masker->levels.data()[i]) + gain_db;
      heard += sounds && m > static_cast<double>(ambient.levels.data()[i]) - 6;
      if (i % F < low) {
        low_cells += 1;
        masked += sounds && m >= static_cast<double>(ambient.traffic.data()[i]);
      }
    }
    masked /= std::max(low_cells, 1.0);
    const double off = (ambient.level - (kMaskerLevel + gain_db) + 3) / 8;
    truth.audibility = heard / static_cast<double>(cells) * std::exp(-off * off);
    level = 10 * std::log10(power_of(ambient.level) + power_of(kMaskerLevel + gain_db));
  }
  constexpr double kLiking[] = {0.9, 0.6, 0.1, -0.8};
  const double c = masker ? kLiking[static_cast<int>(masker->kind)] : 0;
  truth.y = std::tanh(c * truth.audibility - 0.06 * std::max(0.0, level - 65) - 0.4 * ambient.annoyance +
                      0.5 * masked);
  return truth;
}

double rated_pleasantness(const TruePleasantness& truth, Rng& rng) {
  const double deviation = std::sqrt(0.15 * 0.15 + 0.1 * 0.1 * truth.audibility);
  return std::clamp(truth.y + deviation * rng.normal(), -1.0, 1.0);
}

}  // namespace gradus
