// Signals that are made: levels, labels, vehicles, channels, by the cards' figures.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "core/rng.h"
#include "data/signals/soundscape.h"
#include "data/signals/tdl_channel.h"
#include "data/signals/unicycle.h"

using namespace gradus;

TEST_CASE("soundscape: levels add as powers, ratings make a label") {
  const Tensor ambient = Tensor::from({3}, {real(60), real(60), real(60)}),
               masker = Tensor::from({3}, {real(60), real(60), real(50)}),
               gain = Tensor::from({3}, {real(0), real(-10), real(10)});
  const Tensor mix = mix_levels(ambient, masker, gain);
  CHECK(static_cast<double>(mix.data()[0]) == doctest::Approx(63.0103).epsilon(1e-6));
  CHECK(static_cast<double>(mix.data()[1]) == doctest::Approx(60.4139).epsilon(1e-6));
  CHECK(static_cast<double>(mix.data()[2]) == doctest::Approx(63.0103).epsilon(1e-6));
  // pleasant, eventful, chaotic, vibrant, uneventful, calm, annoying, monotonous.
  const Tensor ratings =
      Tensor::from({3, 8}, {real(3), real(3), real(3), real(3), real(3), real(3), real(3), real(3),
                            real(5), real(2), real(1), real(5), real(4), real(5), real(1), real(1),
                            real(1), real(2), real(5), real(1), real(4), real(1), real(5), real(5)});
  const Tensor label = pleasantness_label(ratings);
  CHECK(std::abs(static_cast<double>(label.data()[0])) < 1e-6);
  CHECK(static_cast<double>(label.data()[1]) == doctest::Approx(1));
  CHECK(static_cast<double>(label.data()[2]) == doctest::Approx(-1));
  CHECK_THROWS_AS(pleasantness_label(Tensor::zeros({1, 7})), ShapeError);
}

TEST_CASE("unicycle: all from the old state") {
  const Tensor after =
      unicycle_step(Tensor::from({1, 3}, {real(1), real(2), real(0.5)}), Tensor::full({1}, real(0.3)));
  CHECK(static_cast<double>(after.data()[0]) == doctest::Approx(1 + 0.05 * std::cos(0.5)));
  CHECK(static_cast<double>(after.data()[1]) == doctest::Approx(2 + 0.05 * std::sin(0.5)));
  CHECK(static_cast<double>(after.data()[2]) == doctest::Approx(0.53));
}

TEST_CASE("tdl_channel: the profile's spread, one tap by hand, unit power, correlation over frequency") {
  const TdlProfile a = tdl_a();
  double total = 0, mean = 0, square = 0;
  for (int64 l = 0; l < 23; ++l) {
    const double p = std::pow(10, static_cast<double>(a.powers_db.data()[l]) / 10),
                 d = static_cast<double>(a.delays.data()[l]);
    total += p, mean += p * d, square += p * d * d;
  }
  CHECK(std::sqrt(square / total - mean * mean / total / total) == doctest::Approx(1.00006).epsilon(1e-5));
  TdlOptions o;
  o.num_subcarriers = 3, o.num_symbols = 2, o.delay_spread = 1e-6;
  const ChannelGrid h = tdl_channel(Tensor::full({1}, 2), Tensor::full({1}, -7), Tensor::zeros({1, 1}),
                                    Tensor::full({1, 1}, real(0.4)), o);
  for (int64 k = 0; k < 3; ++k)
    for (int64 m = 0; m < 2; ++m) {
      const double angle =
          2 * std::numbers::pi *
              (500.0 * static_cast<double>(m) * 1e-3 / 14 - static_cast<double>(k) * 15e3 * 2e-6) +
          0.4;
      CHECK(static_cast<double>(h.re.data()[k * 2 + m]) == doctest::Approx(std::cos(angle)).epsilon(1e-5));
      CHECK(static_cast<double>(h.im.data()[k * 2 + m]) == doctest::Approx(std::sin(angle)).epsilon(1e-5));
    }
  Rng rng(11);
  o = {};
  o.num_subcarriers = o.num_symbols = 1;
  double power = 0;
  for (int i = 0; i < 400; ++i) {
    const ChannelGrid g = tdl_channel(a.delays, a.powers_db, rng.uniform_tensor({23, 4}, 0, real(6.2831853)),
                                      rng.uniform_tensor({23, 4}, 0, real(6.2831853)), o);
    power +=
        (std::pow(static_cast<double>(g.re.item()), 2) + std::pow(static_cast<double>(g.im.item()), 2)) / 400;
  }
  CHECK(power == doctest::Approx(1).epsilon(0.2));
}
