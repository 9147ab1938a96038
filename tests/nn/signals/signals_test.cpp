// Networks for sounds and channels: the cards' figures and identities.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/signals/adafortitran.h"
#include "nn/signals/gaussian_nll.h"
#include "nn/signals/masker_choice.h"
#include "nn/signals/soundscape_head.h"

using namespace gradus;

namespace gradus::signals_tests {

double item(const Tensor& t, int64 i = 0) { return static_cast<double>(t.data()[i]); }

SoundscapeHead random_head(int64 D, const std::string& cond) {
  Rng rng(8);
  const auto draw = [&](const Shape& s) { return rng.normal_tensor(s, 0, real(0.5)); };
  return {draw({3, 1}),
          draw({3}),
          draw({2 * D, 3}),
          draw({2 * D}),
          draw({D, cond == "concat" ? 2 * D + 1 : 2 * D}),
          draw({D}),
          draw({D, D}),
          draw({D, D}),
          draw({D, D}),
          draw({5, D}),
          draw({5}),
          draw({2, 5}),
          draw({2}),
          draw({D})};
}

}  // namespace gradus::signals_tests
using namespace gradus::signals_tests;

TEST_CASE("gaussian_nll: the card's figure, and no gradient where the spread is clamped") {
  const Tensor mu = Tensor::full({1}, real(0.5)), y = Tensor::zeros({1});
  CHECK(item(gaussian_nll(mu, Tensor::zeros({1}), y)) == doctest::Approx(1.0439385));
  // Its least value over sigma is at |y - mu|.
  const Tensor best = variable(Tensor::full({1}, static_cast<real>(std::log(0.5))));
  CHECK(std::abs(item(grad(gaussian_nll(mu, best, y), {best})[0])) < 1e-5);
  const Tensor far = variable(Tensor::full({1}, real(3)));
  const Tensor loss = gaussian_nll(mu, far, y);
  CHECK(item(grad(loss, {far})[0]) == 0);
  CHECK(item(loss) == doctest::Approx(0.5 * std::log(2 * M_PI) + 2 + 0.125 * std::exp(-4)));
}

TEST_CASE("soundscape: without a condition gains do nothing; alpha and beta of 0 hide the masker") {
  Rng rng(9);
  const Tensor fs = rng.normal_tensor({1, 3, 4}), fm = rng.normal_tensor({1, 3, 4}),
               other = rng.normal_tensor({1, 3, 4});
  const auto mu = [&](const SoundscapeHead& h, const Tensor& masker, real gain, const std::string& cond) {
    SoundscapeHeadOptions o;
    o.cond = cond;
    return item(soundscape_prediction(h, fs, masker, Tensor::full({1}, gain), o).mu);
  };
  const SoundscapeHead none = random_head(4, "none");
  CHECK(mu(none, fm, 5, "none") == mu(none, fm, -10, "none"));
  CHECK(mu(none, fm, 5, "film") != doctest::Approx(mu(none, fm, -10, "film")));
  SoundscapeHead hidden = random_head(4, "film");
  hidden.gain_w2 = Tensor::zeros({8, 3}), hidden.gain_b2 = Tensor::zeros({8});
  CHECK(mu(hidden, fm, 5, "film") == mu(hidden, other, 5, "film"));
  SoundscapeHeadOptions o;
  o.attention = "multihead", o.num_heads = 3;
  CHECK_THROWS_AS(soundscape_prediction(none, fs, fm, Tensor::zeros({1}), o), UsageError);
}

TEST_CASE("soundscape: which masker at which gain") {
  const Tensor mu = Tensor::from({2, 2}, {real(.1), real(.4), real(.4), real(.2)}),
               sigma = Tensor::from({2, 2}, {real(.1), real(2), real(.2), real(.1)});
  MaskerChoice c = choose_masker(mu, sigma, 0, 0);
  CHECK(c.masker == 0);  // ties to the earliest
  CHECK(c.gain == 1);
  MaskerPolicy p;
  p.policy = "probability";
  c = choose_masker(mu, sigma, 0, 0, p);  // (mu - 0)/sigma is 1, 0.2, 2, 2
  CHECK(c.masker == 1);
  CHECK(c.gain == 0);
  CHECK(c.score == doctest::Approx(0.9772499).epsilon(1e-5));
  CHECK(choose_masker(mu, sigma, 1, 0).masker == -1);
  p.policy = "top-k";
  c = choose_masker(mu, sigma, 0.3, 2, p);  // 0.4, 0.4, then no masker
  CHECK(c.masker == -1);
  CHECK(c.score == doctest::Approx(0.3));
  CHECK_THROWS_AS(choose_masker(mu, sigma, 0.3, 3, p), DataError);
}

TEST_CASE(
    "adafortitran: folding undoes patches, whose subcarriers come first; silent transformers leave the "
    "convolutions") {
  Rng rng(10);
  const Tensor grid = rng.normal_tensor({2, 6, 4});
  const Tensor tokens = patch_tokens(grid), back = fold_tokens(tokens, 6, 4);
  for (int64 i = 0; i < grid.numel(); ++i) CHECK(back.data()[i] == grid.data()[i]);
  REQUIRE(tokens.shape() == Shape{2, 4, 6});
  CHECK(item(tokens, 6 + 1) == item(grid, 3));  // second patch, first subcarrier, second symbol
  CHECK(item(tokens, 2) == item(grid, 4));      // first patch, second subcarrier
  CHECK_THROWS_AS(patch_tokens(rng.normal_tensor({1, 7, 4})), ShapeError);
  FortitranWeights w;
  w.up_w = rng.normal_tensor({24, 4}), w.up_b = rng.normal_tensor({24});
  const int64 widths[] = {1, 2, 2, 2, 1};
  for (size_t i = 0; i < 4; ++i) {
    w.conv1_w.push_back(rng.normal_tensor({widths[i + 1], widths[i], 3, 3})),
        w.conv1_b.push_back(rng.normal_tensor({widths[i + 1]}));
    w.conv2_w.push_back(rng.normal_tensor({widths[i + 1], widths[i], 3, 3})),
        w.conv2_b.push_back(rng.normal_tensor({widths[i + 1]}));
  }
  w.in_w = rng.normal_tensor({4, 6}), w.in_b = rng.normal_tensor({4}),
  w.positions = rng.normal_tensor({4, 4});
  w.out_w = Tensor::zeros({6, 4}), w.out_b = Tensor::zeros({6});
  FortitranOptions o;
  o.use_adapter = false;
  const Tensor pilots = rng.normal_tensor({1, 2, 2});
  const Tensor out = fortitran(w, pilots, {}, 6, 4, o);
  Tensor up({1, 6, 4});
  for (int64 i = 0; i < 24; ++i) {
    double v = item(w.up_b, i);
    for (int64 k = 0; k < 4; ++k) v += item(w.up_w, i * 4 + k) * item(pilots, k);
    up.mutable_data()[i] = static_cast<real>(v);
  }
  const Tensor expected = conv_enhancer(w.conv2_w, w.conv2_b, conv_enhancer(w.conv1_w, w.conv1_b, up));
  for (int64 i = 0; i < 24; ++i) CHECK(item(out, i) == doctest::Approx(item(expected, i)).epsilon(1e-4));
  o.use_adapter = true;
  CHECK_THROWS_AS(fortitran(w, pilots, {}, 6, 4, o), ShapeError);
}
