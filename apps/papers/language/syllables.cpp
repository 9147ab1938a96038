#include "apps/papers/language/syllables.h"

#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

// From consonant, vowel, space to these: rows sum to 1.
constexpr double kNextKind[3][3] = {{0.15, 0.75, 0.10}, {0.60, 0.05, 0.35}, {0.80, 0.20, 0}};

// Frequency of the letter at this place among `count`: 1/(place + 1), normalised.
double frequency(size_t place, size_t count) {
  double total = 0;
  for (size_t i = 0; i < count; ++i) total += 1 / static_cast<double>(i + 1);
  return 1 / static_cast<double>(place + 1) / total;
}

std::string shuffled(std::string letters, Rng rng) {
  const std::string from = letters;
  const std::vector<int64> order = rng.permutation(std::ssize(letters));
  for (size_t i = 0; i < letters.size(); ++i) letters[i] = from[static_cast<size_t>(order[i])];
  return letters;
}

}  // namespace

const std::string& SyllableText::characters() {
  static const std::string all = " abcdefghiklmnoprstu";
  return all;
}
bool SyllableText::is_vowel(char c) { return std::string("aeiou").find(c) != std::string::npos; }

SyllableText::SyllableText(int64 dialect) {
  const Rng rng = Rng(static_cast<std::uint64_t>(dialect)).fork("dialect");
  vowels_ = shuffled("aeiou", rng.fork("vowels"));
  consonants_ = shuffled("bcdfghklmnprst", rng.fork("consonants"));
  double kind[3] = {0, 0, 1};
  for (int step = 0; step < 200; ++step) {  // to the stationary distribution
    double next[3] = {0, 0, 0};
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) next[j] += kind[i] * kNextKind[i][j];
    for (int j = 0; j < 3; ++j) kind[j] = next[j];
  }
  share_[0] = kind[1];
  share_[1] = kind[2];
}

double SyllableText::probability(char next, char before) const {
  const auto kind = [](char c) { return c == ' ' ? 2 : is_vowel(c) ? 1 : 0; };
  const int to = kind(next);
  const double p = kNextKind[kind(before)][to];
  if (to == 2) return p;
  const std::string& letters = to == 1 ? vowels_ : consonants_;
  const size_t place = letters.find(next);
  if (place == std::string::npos) fail<DataError>("'{}' is no character of the language", next);
  return p * frequency(place, letters.size());
}

std::string SyllableText::text(int64 length, Rng& rng) const {
  std::string out;
  char before = ' ';
  while (std::ssize(out) < length) {
    double left = rng.uniform();
    char chosen = ' ';
    for (const char c : characters()) {
      const double p = probability(c, before);
      if (p > 0) chosen = c;
      if ((left -= p) < 0) break;
    }
    out += before = chosen;
  }
  return out;
}

double SyllableText::log_probability(const std::string& text, char before) const {
  double total = 0;
  for (const char c : text) {
    total += std::log(std::max(probability(c, before), 1e-6));
    before = c;
  }
  return total;
}

}  // namespace gradus
