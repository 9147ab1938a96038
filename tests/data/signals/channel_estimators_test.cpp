// Frames and linear estimates of a channel: moments, identities, hand-worked interpolation.
#include "data/signals/channel_estimators.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/elementwise.h"

using namespace gradus;

namespace gradus::channel_tests {

double item(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

OfdmFrames frames_at(const ChannelConditions& c, int64 count, const OfdmGrid& grid) {
  return ofdm_frames(std::vector(static_cast<size_t>(count), c), grid, Rng(3));
}

}  // namespace gradus::channel_tests
using namespace gradus::channel_tests;

TEST_CASE("ofdm frames: mean power 1, noise of the pilots, conditions scaled, each frame by its number") {
  OfdmGrid grid;
  grid.subcarriers = 20;
  const OfdmFrames f = frames_at({.snr_db = 20, .delay_spread_ns = 175, .doppler_hz = 700}, 800, grid);
  double power = 0, noise = 0;
  for (int64 i = 0; i < f.re.numel(); ++i)
    power += (std::pow(item(f.re, i), 2) + std::pow(item(f.im, i), 2)) / static_cast<double>(f.re.numel());
  CHECK(power == doctest::Approx(1).epsilon(0.1));
  for (int64 n = 0; n < 800; ++n)
    for (int64 p = 0; p < 2; ++p)
      for (int64 s = 0; s < 2; ++s) {
        const int64 cell = (n * 20 + 10 * p) * 14 + (s == 0 ? 3 : 10), pilot = (n * 2 + p) * 2 + s;
        noise += (std::pow(item(f.pilots_re, pilot) - item(f.re, cell), 2) +
                  std::pow(item(f.pilots_im, pilot) - item(f.im, cell), 2)) /
                 3200;
      }
  CHECK(noise == doctest::Approx(0.01).epsilon(0.08).scale(0));
  CHECK(item(f.conditions, 0) == doctest::Approx(2.0 / 3));
  CHECK(item(f.conditions, 1) == doctest::Approx(0.5));
  CHECK(item(f.conditions, 2) == doctest::Approx(0.5));
  const OfdmFrames fewer = frames_at({.snr_db = 20, .delay_spread_ns = 175, .doppler_hz = 700}, 3, grid);
  for (int64 i = 0; i < fewer.re.numel(); ++i) CHECK(fewer.re.data()[i] == f.re.data()[i]);
}

TEST_CASE("channel covariance: the card's correlations, and frames agree with them") {
  OfdmGrid grid;
  grid.subcarriers = 11;
  // Row of (subcarrier 10, symbol 3) against the pilot at (0, 3), then at (0, 10).
  const auto magnitude = [&](const ChannelCovariance& c, int64 pilot) {
    const int64 row = 10 * 14 + 3, columns = c.cross.dim(1);
    return std::hypot(item(c.cross, row * columns + pilot), item(c.cross, (row + 11 * 14) * columns + pilot));
  };
  CHECK(magnitude(exact_covariance({.delay_spread_ns = 50, .doppler_hz = 200}, grid), 0) ==
        doctest::Approx(0.99889).epsilon(1e-4));
  const ChannelCovariance wide = exact_covariance({.delay_spread_ns = 300, .doppler_hz = 1000}, grid);
  CHECK(magnitude(wide, 0) == doctest::Approx(0.96257).epsilon(1e-4));
  CHECK(magnitude(wide, 1) == doctest::Approx(0.96257 * 0.30424).epsilon(1e-3));
  CHECK(item(wide.pilots, 1) == doctest::Approx(-0.30424).epsilon(1e-3));
  CHECK(item(wide.pilots, 0) == doctest::Approx(1));
  const ChannelConditions c{.snr_db = 20, .delay_spread_ns = 300, .doppler_hz = 400};
  const ChannelCovariance exact = exact_covariance(c, grid),
                          seen = mean_covariance(frames_at(c, 2000, grid), grid);
  for (int64 i = 0; i < exact.pilots.numel(); ++i)
    CHECK(std::abs(item(exact.pilots, i) - item(seen.pilots, i)) < 0.1);
}

TEST_CASE(
    "lmmse: at the pilots of a lone pilot the estimate is shrunk by 1/(1 + noise), and beats interpolation") {
  OfdmGrid grid;
  grid.subcarriers = 20;
  const ChannelConditions c{.snr_db = 10, .delay_spread_ns = 150, .doppler_hz = 400};
  const OfdmFrames f = frames_at(c, 100, grid);
  // Pilots that have nothing to do with each other: C_pp = I, C_hp a selection.
  ChannelCovariance alone{Tensor::zeros({2 * 280, 8}), Tensor::zeros({8, 8})};
  for (int64 i = 0; i < 8; ++i) alone.pilots.mutable_data()[i * 9] = 1;
  alone.cross.mutable_data()[3 * 8] = 1;
  const ChannelEstimate shrunk = lmmse_estimate(alone, 10, f);
  CHECK(item(shrunk.re, 3) == doctest::Approx(item(f.pilots_re, 0) / 1.1).epsilon(1e-4));
  CHECK(item(shrunk.re, 4) == 0);
  const double best = channel_error_db(lmmse_estimate(exact_covariance(c, grid), 10, f), f);
  CHECK(best < channel_error_db(interpolated_estimate(f, grid, true), f) - 1);
  CHECK(best < channel_error_db(interpolated_estimate(f, grid, false), f) - 1);
}

TEST_CASE("interpolation: lines between pilots, held or going on beyond") {
  OfdmGrid grid;
  grid.subcarriers = 12;
  OfdmFrames f = frames_at({}, 1, grid);
  const double values[] = {1, 8, 11, 18};  // 0.1*10 a step of subcarriers, 1 a symbol: value = k + m - 2
  for (int64 i = 0; i < 4; ++i) f.pilots_re.mutable_data()[i] = static_cast<real>(values[i]);
  const ChannelEstimate line = interpolated_estimate(f, grid, false),
                        hold = interpolated_estimate(f, grid, true);
  for (int64 k = 0; k < 12; ++k)
    for (int64 m = 0; m < 14; ++m) {
      CHECK(item(line.re, k * 14 + m) == doctest::Approx(static_cast<double>(k + m - 2)).epsilon(1e-5));
      const int64 held = std::min<int64>(k, 10) + std::clamp<int64>(m, 3, 10) - 2;
      CHECK(item(hold.re, k * 14 + m) == doctest::Approx(static_cast<double>(held)).epsilon(1e-5));
    }
  OfdmFrames off = f;
  const ChannelEstimate exact{f.re, f.im};
  off.re = f.re + Tensor::full(f.re.shape(), real(0.1));
  CHECK(channel_error_db(exact, off) == doctest::Approx(-20).epsilon(1e-3));
}
