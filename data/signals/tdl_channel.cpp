#include "data/signals/tdl_channel.h"

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "core/error.h"

namespace gradus {

ChannelGrid tdl_channel(const Tensor& delays, const Tensor& powers_db, const Tensor& theta, const Tensor& phi,
                        const TdlOptions& o) {
  if (delays.rank() != 1 || delays.numel() < 1 || !(powers_db.shape() == delays.shape()) ||
      theta.rank() != 2 || theta.dim(0) != delays.dim(0) || theta.dim(1) < 1 ||
      !(phi.shape() == theta.shape()))
    fail<ShapeError>("tdl_channel: delays {}, powers_db {}, theta {}, phi {}", delays.shape().str(),
                     powers_db.shape().str(), theta.shape().str(), phi.shape().str());
  const int64 taps = delays.dim(0), waves = theta.dim(1), K = o.num_subcarriers, M = o.num_symbols;
  const auto linear = [&](int64 l) { return std::pow(10, static_cast<double>(powers_db.data()[l]) / 10); };
  double total = 0;
  for (int64 l = 0; l < taps; ++l) total += linear(l);
  std::vector<std::complex<double>> H(static_cast<size_t>(K * M)), gain(static_cast<size_t>(M));
  for (int64 l = 0; l < taps; ++l) {
    const double size = std::sqrt(linear(l) / total / static_cast<double>(waves));
    for (int64 m = 0; m < M; ++m) {
      std::complex<double> sum = 0;
      for (int64 q = 0; q < waves; ++q) {
        const double turn = 2 * std::numbers::pi * o.max_doppler *
                            std::cos(static_cast<double>(theta.data()[l * waves + q])) * o.symbol_duration;
        sum +=
            std::polar(1.0, turn * static_cast<double>(m) + static_cast<double>(phi.data()[l * waves + q]));
      }
      gain[static_cast<size_t>(m)] = size * sum;
    }
    const double delay = static_cast<double>(delays.data()[l]) * o.delay_spread;
    for (int64 k = 0; k < K; ++k) {
      const std::complex<double> phase =
          std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) * o.subcarrier_spacing * delay);
      for (int64 m = 0; m < M; ++m) H[static_cast<size_t>(k * M + m)] += phase * gain[static_cast<size_t>(m)];
    }
  }
  ChannelGrid grid{Tensor({K, M}), Tensor({K, M})};
  for (int64 i = 0; i < K * M; ++i) {
    grid.re.mutable_data()[i] = static_cast<real>(H[static_cast<size_t>(i)].real());
    grid.im.mutable_data()[i] = static_cast<real>(H[static_cast<size_t>(i)].imag());
  }
  return grid;
}

TdlProfile tdl_a() {
  constexpr double kDelays[] = {0,      .3819,  .4025,  .5868,  .4610,  .5375,  .6708,  .5750,
                                .7618,  1.5375, 1.8978, 2.2242, 2.1718, 2.4942, 2.5119, 3.0582,
                                4.0810, 4.4579, 4.5695, 4.7966, 5.0066, 5.3043, 9.6586};
  constexpr double kPowers[] = {-13.4, 0,     -2.2,  -4,    -6,    -8.2,  -9.9,  -10.5,
                                -7.5,  -15.9, -6.6,  -16.7, -12.4, -15.2, -10.8, -11.3,
                                -12.7, -16.2, -18.3, -18.9, -16.6, -19.9, -29.7};
  TdlProfile profile{Tensor({std::ssize(kDelays)}), Tensor({std::ssize(kPowers)})};
  for (int64 l = 0; l < std::ssize(kDelays); ++l) {
    profile.delays.mutable_data()[l] = static_cast<real>(kDelays[l]);
    profile.powers_db.mutable_data()[l] = static_cast<real>(kPowers[l]);
  }
  return profile;
}

}  // namespace gradus
