// A language of made-up words whose probabilities are known exactly: consonants and vowels alternate, spaces part words.
#pragma once

#include <string>

#include "core/rng.h"

namespace gradus {

/// A Markov chain over "abcdefghiklmnoprstu" and space. What comes next depends on the kind of the last character (consonant,
/// vowel, space) and, of letters, on how frequent they are; dialects differ in that.
class SyllableText {
 public:
  explicit SyllableText(int64 dialect = 0);

  static const std::string& characters();  ///< space first
  static bool is_vowel(char c);
  std::string text(int64 length, Rng& rng) const;
  /// Natural logarithm of the probability of each character given the one before, summed; the first one follows `before`.
  double log_probability(const std::string& text, char before = ' ') const;
  /// Share of vowels and of spaces of long texts.
  double vowel_share() const { return share_[0]; }
  double space_share() const { return share_[1]; }

 private:
  double probability(char next, char before) const;
  std::string vowels_, consonants_;  // by falling frequency
  double share_[2];
};

}  // namespace gradus
