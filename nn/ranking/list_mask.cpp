#include "nn/ranking/list_mask.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

ListMask::ListMask(const IntTensor& padded) : shape_(padded.shape()) {
  if (shape_.rank() != 2) fail<ShapeError>("ranking: the mask of lists (B,n) has shape {}", shape_.str());
  for (int64 list = 0; list < lists(); ++list) {
    const int64* row = padded.data() + list * items();
    int64 count = 0;
    for (int64 i = 0; i < items(); ++i) {
      if (row[i] != 0 && row[i] != 1)
        fail<DataError>("ranking: the mask holds {}, not 0 or 1 (padding)", row[i]);
      if (row[i] == 0 && count++ < i) fail<DataError>("ranking: list {}: padded items must stand last", list);
    }
    real_.push_back(count);
  }
}

ListMask ListMask::of_labels(const IntTensor& labels) {
  IntTensor padded(labels.shape());
  for (int64 i = 0; i < labels.numel(); ++i) {
    if (labels[i] < kPaddedLabel || labels[i] > 60)
      fail<DataError>("ranking: label {} is not in 0..60 ({}: padding)", labels[i], kPaddedLabel);
    padded.mutable_data()[i] = labels[i] == kPaddedLabel;
  }
  return ListMask(padded);
}

ListMask ListMask::repeated(int64 times) const {
  std::vector<int64> counts;
  for (int64 t = 0; t < times; ++t) counts.insert(counts.end(), real_.begin(), real_.end());
  return {Shape{lists() * times, items()}, std::move(counts)};
}

bool ListMask::any() const {
  return std::any_of(real_.begin(), real_.end(), [&](int64 count) { return count < items(); });
}

Tensor ListMask::real_mask() const {
  Tensor mask(shape_);
  real* out = mask.mutable_data();
  for (int64 list = 0; list < lists(); ++list)
    for (int64 i = 0; i < items(); ++i) *out++ = i < real_items(list);
  return mask;
}

Tensor ListMask::pairs(bool real_ones) const {
  Tensor mask(Shape{lists(), items(), items()});
  real* out = mask.mutable_data();
  for (int64 list = 0; list < lists(); ++list)
    for (int64 i = 0; i < items(); ++i)
      for (int64 j = 0; j < items(); ++j)
        *out++ = (i < real_items(list)) == real_ones && (j < real_items(list)) == real_ones;
  return mask;
}

void ListMask::check_scores(const Tensor& scores, const char* what) const {
  if (!(scores.shape() == shape_))
    fail<ShapeError>("{}: scores {} for lists {}", what, scores.shape().str(), shape_.str());
}

}  // namespace gradus
