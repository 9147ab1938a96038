#include "data/signals/ofdm_frames.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {

ChannelConditions training_conditions(Rng& rng) {
  ChannelConditions c;
  c.snr_db = static_cast<double>(rng.below(26));
  c.delay_spread_ns = rng.uniform(50, 300);
  c.doppler_hz = rng.uniform(200, 1000);
  return c;
}

OfdmFrames ofdm_frames(const std::vector<ChannelConditions>& conditions, const OfdmGrid& grid,
                       const Rng& rng) {
  const int64 N = std::ssize(conditions), K = grid.subcarriers, M = OfdmGrid::kSymbols, P = grid.pilot_rows(),
              S = std::ssize(OfdmGrid::kPilotSymbols);
  const TdlProfile profile = tdl_a();
  OfdmFrames frames{Tensor({N, P, S}), Tensor({N, P, S}), Tensor({N, K, M}), Tensor({N, K, M}),
                    Tensor({N, 3})};
  for (int64 i = 0; i < N; ++i) {
    const ChannelConditions& c = conditions[static_cast<size_t>(i)];
    Rng draw = rng.fork(static_cast<std::uint64_t>(i));
    TdlOptions o;
    o.delay_spread = c.delay_spread_ns * 1e-9, o.max_doppler = c.doppler_hz;
    o.num_subcarriers = K, o.num_symbols = M;
    const real turn = static_cast<real>(2 * std::numbers::pi);
    const Shape waves = {profile.delays.numel(), grid.waves};
    const Tensor theta = draw.uniform_tensor(waves, 0, turn), phi = draw.uniform_tensor(waves, 0, turn);
    const ChannelGrid h = tdl_channel(profile.delays, profile.powers_db, theta, phi, o);
    std::copy_n(h.re.data(), K * M, frames.re.mutable_data() + i * K * M);
    std::copy_n(h.im.data(), K * M, frames.im.mutable_data() + i * K * M);
    const double deviation = std::sqrt(std::pow(10, -c.snr_db / 10) / 2);  // of each part
    for (int64 p = 0; p < P; ++p)
      for (int64 s = 0; s < S; ++s) {
        const int64 from = p * grid.pilot_spacing * M + OfdmGrid::kPilotSymbols[static_cast<size_t>(s)],
                    to = (i * P + p) * S + s;
        frames.pilots_re.mutable_data()[to] =
            h.re.data()[from] + static_cast<real>(deviation * draw.normal());
        frames.pilots_im.mutable_data()[to] =
            h.im.data()[from] + static_cast<real>(deviation * draw.normal());
      }
    real* known = frames.conditions.mutable_data() + 3 * i;
    known[0] = static_cast<real>(c.snr_db / 30), known[1] = static_cast<real>(c.delay_spread_ns / 350),
    known[2] = static_cast<real>(c.doppler_hz / 1400);
  }
  return frames;
}

}  // namespace gradus
