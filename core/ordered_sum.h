// A mean of vectors that several ranks hold, the same bits for any number of ranks.
//   mean = (sum over the parts k = 0, 1, ...  of  n_k v_k) / (sum of n_k)
// with the sum in double, part after part, whoever computed it, and rounded once. n_k are whole numbers, so n_k v_k of floats is
// exact and no compiler can round it in another way. Ranks exchange slices: each gets its slice of all parts, sums it, and
// sends the result to all, so that a rank receives as much as it would of any other sum, times the parts a rank has.
#pragma once

#include <span>
#include <vector>

#include "core/communicator.h"
#include "core/real.h"

namespace gradus {

class OrderedSum {
 public:
  /// `owners` and `weights` (n_k, whole numbers) of all parts, the same on every rank.
  OrderedSum(Communicator& ranks, std::vector<int> owners, std::vector<int64> weights, int64 size);
  /// A part of this rank; in ascending order. Throws ShapeError for another size or a part that is not this rank's next.
  void add(std::span<const real> values);
  /// The mean, on every rank. Throws ShapeError where parts of this rank are missing.
  std::vector<real> mean();

 private:
  Communicator& ranks_;
  std::vector<int> owners_;
  std::vector<int64> weights_;
  std::vector<size_t> own_;  // parts of this rank
  size_t added_ = 0, size_;
  std::vector<real> values_;  // of own parts, one behind the other; where there are other ranks
  std::vector<double> sum_;   // alone: of the parts added
};

}  // namespace gradus
