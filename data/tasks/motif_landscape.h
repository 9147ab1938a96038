// Scores of all DNA sequences of one length: two overlapping motifs, pairs of letters that act together, a little noise. A design
// task whose best answers are known.
#pragma once

#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// score(s) = sum of weights of motif 1 on the first and of motif 2 on the last ceil(5/8 of the length) letters
///          + 1/2 * sum over l of a normal weight of the pair (s_l, s_{l+2}) + 0.1 * a normal number of the sequence's own
struct MotifLandscape {
  static constexpr int64 kLetters = 4;
  int64 length = 8;
  std::vector<double>
      scores;  ///< of sequence i: its letters are the digits of i in base 4, the first the highest

  /// All weights are standard normal draws. Throws UsageError unless 3 <= length <= 10.
  static MotifLandscape draw(int64 length, const Rng& rng);
  int64 count() const { return static_cast<int64>(scores.size()); }
  IntTensor sequence(int64 index) const;
  /// Throws DataError for other letters, ShapeError for another length.
  int64 index_of(const IntTensor& sequence) const;
};

}  // namespace gradus
