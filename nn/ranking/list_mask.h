// Lists of items of unequal length: padded to one length n, the padding last.
#pragma once

#include "core/tensor.h"

namespace gradus {

/// The label of a padded item.
inline constexpr int64 kPaddedLabel = -1;

/// Which items of B lists are real.
class ListMask {
 public:
  /// `padded` (B,n): 1 where an item is padding, else 0. Throws ShapeError for another rank, DataError for other numbers and
  /// for padding that does not stand last.
  explicit ListMask(const IntTensor& padded);
  /// Labels (B,n), padding is kPaddedLabel. Throws DataError for labels below it and above 60 (gains are 2^label).
  static ListMask of_labels(const IntTensor& labels);
  /// The same lists `times` times, one set after the other.
  ListMask repeated(int64 times) const;

  int64 lists() const { return shape_[0]; }
  int64 items() const { return shape_[1]; }
  const Shape& shape() const { return shape_; }
  /// Number of real items of a list; they stand first.
  int64 real_items(int64 list) const { return real_[static_cast<std::size_t>(list)]; }
  /// Whether any item is padding.
  bool any() const;
  /// (B,n): 1 where real.
  Tensor real_mask() const;
  /// (B,n,n): 1 where row and column are real; both padded.
  Tensor real_pairs() const { return pairs(true); }
  Tensor padded_pairs() const { return pairs(false); }
  /// Throws ShapeError, opened by `what`, unless scores are (B,n).
  void check_scores(const Tensor& scores, const char* what) const;

 private:
  ListMask(Shape shape, std::vector<int64> real_items) : shape_(shape), real_(std::move(real_items)) {}
  Tensor pairs(bool real_ones) const;

  Shape shape_;
  std::vector<int64> real_;
};

}  // namespace gradus
