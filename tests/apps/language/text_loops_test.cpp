// Loops of papers on language models: batches of text as they should be, and steps of DPO, PPO and sampling that take no memory from
// the system once they are warm.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/papers/language/syllables.h"
#include "apps/papers/language/text_model.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "nn/alignment/policy_losses.h"
#include "nn/alignment/preference_losses.h"
#include "tests/settles.h"

namespace gradus::text_loops_tests {

TEST_CASE("text loops: a batch of lines, its targets and mask") {
  const Alphabet alphabet("\nab:");
  const std::vector<TextPair> lines{{"a:", "b\n"}, {"ab:", "aa\n"}};
  const TokenBatch batch = token_batch(alphabet, lines);
  CHECK(batch.ids.values() == std::vector<int64>{1, 3, 2, 0, 0, 1, 2, 3, 1, 1});
  CHECK(batch.targets.values() == std::vector<int64>{3, 2, 0, 0, 0, 2, 3, 1, 1, 0});
  CHECK(batch.mask.values() == std::vector<int64>{0, 1, 1, 0, 0, 0, 0, 1, 1, 1});
  CHECK(alphabet.decode(alphabet.encode("ab:")) == "ab:");
  CHECK(until("ab\nc", '\n') == "ab");
  CHECK_THROWS_AS(alphabet.id('z'), DataError);
}

TEST_CASE("text loops: the made-up language has the probabilities it says") {
  const SyllableText language(3);
  Rng rng(1);
  const std::string text = language.text(20000, rng);
  double vowels = 0, spaces = 0;
  for (const char c : text) vowels += SyllableText::is_vowel(c), spaces += c == ' ';
  CHECK(vowels / 20000 == doctest::Approx(language.vowel_share()).epsilon(0.03));
  CHECK(spaces / 20000 == doctest::Approx(language.space_share()).epsilon(0.05));
  // All that may follow a consonant adds up to 1.
  double total = 0;
  for (const char c : SyllableText::characters())
    total += std::exp(language.log_probability(std::string(1, c), 'b'));
  CHECK(total == doctest::Approx(1));
  CHECK(language.log_probability("ba", ' ') ==
        doctest::Approx(language.log_probability("b", ' ') + language.log_probability("a", 'b')));
}

TEST_CASE("text loops: steps of DPO and PPO and samples take no memory from the system once warm") {
  const Alphabet alphabet("\nabcd:");
  TextModel model("gpt:block=12,dim=16,layers=1,heads=2", alphabet, Rng(1));
  TextTraining training(model.net().parameters(), "adamw:lr=1e-3");
  const std::vector<TextPair> good{{"ab:", "cd\n"}, {"bc:", "da\n"}}, bad{{"ab:", "dc\n"}, {"bc:", "ad\n"}};
  const TokenBatch c = token_batch(alphabet, good), r = token_batch(alphabet, bad);
  const Tensor ref_c = model.frozen_logp(c), ref_r = model.frozen_logp(r);
  CHECK(tests::settles([&] {
    training.step([&] {
      return dpo_loss({model.logp(c), ref_c, c.mask}, {model.logp(r), ref_r, r.mask}).loss;
    });
  }));
  const Tensor advantages = Tensor::ones(c.ids.shape());
  CHECK(tests::settles([&] {
    training.step([&] { return ppo_clip_loss(model.logp(c), ref_c, advantages, {.normalize = false}).loss; });
  }));
  Rng rng(2);
  CHECK(tests::settles([&] { model.sample({"ab:", "bc:"}, 4, 1, rng); }));
}

}  // namespace gradus::text_loops_tests
