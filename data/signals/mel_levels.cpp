#include "data/signals/mel_levels.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/kernels/fft.h"

namespace gradus {

Tensor mel_levels(const std::vector<double>& samples, int64 rate, const MelOptions& o) {
  const int64 n = std::ssize(samples), bins = o.window / 2 + 1;
  if (n < o.window) fail<DataError>("mel levels: {} samples, a window takes {}", n, o.window);
  Tensor rows({o.frames, o.window});
  double squares = 0;
  for (int64 t = 0; t < o.window; ++t) {
    const double hann =
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(t) / static_cast<double>(o.window));
    squares += hann * hann;
    for (int64 f = 0; f < o.frames; ++f) {
      const int64 from = o.frames > 1 ? f * (n - o.window) / (o.frames - 1) : 0;
      rows.mutable_data()[f * o.window + t] =
          static_cast<real>(hann * samples[static_cast<size_t>(from + t)]);
    }
  }
  const Tensor spectrum = kernels::rfft(rows);  // (frames, bins, 2)
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double top = mel(static_cast<double>(rate) / 2);
  Tensor levels({o.frames, o.bands});
  std::vector<double> power(static_cast<size_t>(o.bands));
  for (int64 f = 0; f < o.frames; ++f) {
    std::fill(power.begin(), power.end(), 0.0);
    for (int64 k = 0; k < bins; ++k) {
      const real* x = spectrum.data() + (f * bins + k) * 2;
      // Both halves of the spectrum; the mean square of the window's samples is their sum.
      const double both = k == 0 || 2 * k == o.window ? 1 : 2;
      const double p = both *
                       (static_cast<double>(x[0]) * static_cast<double>(x[0]) +
                        static_cast<double>(x[1]) * static_cast<double>(x[1])) /
                       (static_cast<double>(o.window) * squares);
      // Between the middles of two neighbouring bands the power is shared, so that none is lost.
      const double place = mel(static_cast<double>(k * rate) / static_cast<double>(o.window)) / top *
                               static_cast<double>(o.bands) -
                           0.5;
      const double low = std::floor(place), share = place - low;
      const auto band = [&](double b) {
        return static_cast<size_t>(std::clamp<int64>(static_cast<int64>(b), 0, o.bands - 1));
      };
      power[band(low)] += (1 - share) * p, power[band(low + 1)] += share * p;
    }
    for (int64 b = 0; b < o.bands; ++b)
      levels.mutable_data()[f * o.bands + b] = static_cast<real>(
          std::max(0.0, 10 * std::log10(std::max(power[static_cast<size_t>(b)], 1e-30)) + o.full_scale_db));
  }
  return levels;
}

}  // namespace gradus
