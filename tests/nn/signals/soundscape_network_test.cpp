// Encoders before the head of masker and gain: shapes, what they depend on, refusals.
#include "nn/signals/soundscape_network.h"

#include <doctest/doctest.h>

#include "core/error.h"

using namespace gradus;

TEST_CASE("soundscape network: features of every block's halves; a mix has no masker's encoder") {
  SoundscapeNetworkOptions o;
  o.channels = {2, 4};
  SoundscapeNetwork joint(o);
  joint.initialise(Rng(1));
  joint.set_training(false);
  Rng rng(2);
  const Tensor sound = rng.uniform_tensor({2, 8, 12}, 20, 70);
  const Tensor features = joint.encode(sound), masker = joint.encode_masker(sound);
  REQUIRE(features.shape() == Shape{2, 2, 4});
  // An encoder is a mean over bands at its end: a block at a time by hand would repeat it; it must not mix rows of a batch.
  const Tensor alone = joint.encode(sound.rows(1, 2));
  for (int64 i = 0; i < 8; ++i)
    CHECK(static_cast<double>(alone.data()[i]) ==
          doctest::Approx(static_cast<double>(features.data()[8 + i])).epsilon(1e-4));
  // forward is the head without a masker at -60 dB.
  const Tensor mu = joint(sound),
               none = joint.predict(features, Tensor::zeros(masker.shape()), Tensor::full({2}, real(-60))).mu;
  for (int64 i = 0; i < 2; ++i) CHECK(mu.data()[i] == none.data()[i]);
  const Tensor soft = joint.predict(features, masker, Tensor::full({2}, real(-10))).mu,
               loud = joint.predict(features, masker, Tensor::full({2}, real(10))).mu;
  CHECK(soft.data()[0] != loud.data()[0]);
  CHECK_THROWS_AS(joint.encode(rng.uniform_tensor({2, 7, 12})), ShapeError);
  o.joint = false;
  SoundscapeNetwork mixed(o);
  CHECK_THROWS_AS(mixed.encode_masker(sound), UsageError);
}
