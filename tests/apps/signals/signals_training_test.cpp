// Loops over signals: what they learn on problems with a known answer, and searches that cache features.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/signals/channel_training.h"
#include "apps/signals/soundscape_training.h"
#include "core/error.h"

using namespace gradus;

TEST_CASE("channel training: a linear map comes near the best linear estimate of its condition") {
  OfdmGrid grid;
  grid.subcarriers = 12;
  const ChannelConditions c{.snr_db = 10, .delay_spread_ns = 150, .doppler_hz = 300};
  const OfdmFrames frames = ofdm_frames(std::vector(400, c), grid, Rng(1)),
                   test = ofdm_frames(std::vector(200, c), grid, Rng(2));
  FortitranSize size;
  size.kind = "linear", size.pilot_rows = 2, size.subcarriers = 12;
  FortitranNetwork network(size, Rng(3));
  ChannelTrainingOptions o;
  o.lr = 1e-2, o.epochs = 30;
  double last = 0, done = 0;
  train_channel_network(network, frames, o, Rng(4), [&](double d, double loss) { done = d, last = loss; });
  CHECK(done == 1);
  const double best = channel_error_db(lmmse_estimate(exact_covariance(c, grid), 10, test), test),
               reached = channel_error_db(network_estimate(network, test), test);
  CHECK(reached < best + 0.8);
  CHECK(reached > best - 0.3);
  CHECK(10 * std::log10(2 * last) < best + 2);  // the loss is half of the complex error
  o.batch_size = 401;
  CHECK_THROWS_AS(train_channel_network(network, frames, o, Rng(4), [](double, double) {}), UsageError);
}

TEST_CASE("soundscape search: features that are kept give the same as each pair alone") {
  SoundSize size;
  size.frames = size.bands = 8;
  SoundscapeNetworkOptions n;
  n.channels = {2, 4};
  SoundscapeNetwork joint(n);
  joint.initialise(Rng(1));
  const std::vector<double> gains = {-5, 0, 10};
  const RatedMixes data = draw_rated_mixes(64, 6, 2, gains, size, Rng(2));
  REQUIRE(data.maskers.size() == 8);
  SoundscapeTrainingOptions o;
  o.epochs = 2, o.batch_size = 16;
  int64 steps = 0;
  train_soundscape(joint, data, o, Rng(3), [&](double, double) { ++steps; });
  CHECK(steps == 8);
  CHECK_FALSE(joint.training());
  const MaskerSearcher search(joint, data.maskers);
  const MaskerSearch found = search(data.ambients[1].levels, gains);
  CHECK(found.encoder_passes == 1);
  REQUIRE(found.mu.shape() == Shape{8, 3});
  const auto row = [](const Tensor& levels) { return levels.clone().view({1, 8, 8}); };
  const Tensor fs = joint.encode(row(data.ambients[1].levels));
  for (int64 m = 0; m < 8; ++m)
    for (int64 g = 0; g < 3; ++g) {
      const SoundscapePrediction p =
          joint.predict(fs, joint.encode_masker(row(data.maskers[static_cast<size_t>(m)].levels)),
                        Tensor::full({1}, static_cast<real>(gains[static_cast<size_t>(g)])));
      CHECK(static_cast<double>(found.mu.data()[3 * m + g]) ==
            doctest::Approx(static_cast<double>(p.mu.data()[0])).epsilon(1e-4));
    }
  CHECK(found.mu_none ==
        doctest::Approx(static_cast<double>(joint(row(data.ambients[1].levels)).data()[0])).epsilon(1e-4));
  n.joint = false;
  SoundscapeNetwork mixed(n);
  mixed.initialise(Rng(1));
  train_soundscape(mixed, data, o, Rng(3), [](double, double) {});
  CHECK(MaskerSearcher(mixed, data.maskers)(data.ambients[1].levels, gains).encoder_passes == 25);
  o.batch_size = 65;
  CHECK_THROWS_AS(train_soundscape(mixed, data, o, Rng(3), [](double, double) {}), UsageError);
}
