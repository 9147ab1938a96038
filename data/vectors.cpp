#include "data/vectors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/rng.h"

namespace gradus {

VectorSet::VectorSet(DatasetInfo info, Tensor x, IntTensor y)
    : Dataset(std::move(info)), x_(std::move(x)), labels_(std::move(y)) {
  check(labels_.dim(0), labels_.shape());
  for (int64 i = 0; i < labels_.numel(); ++i)
    if (labels_[i] < 0 || labels_[i] >= info_.classes)
      fail<DataError>("data set {}: example {} has label {}, but there are {} classes", info_.name, i,
                      labels_[i], info_.classes);
}

VectorSet::VectorSet(DatasetInfo info, Tensor x, Tensor y)
    : Dataset(std::move(info)), x_(std::move(x)), targets_(std::move(y)) {
  check(targets_.dim(0), targets_.shape());
}

void VectorSet::check(int64 rows, const Shape& y) const {
  if (x_.dim(0) != rows)
    fail<DataError>("data set {}: {} examples, but targets of shape {}", info_.name, x_.dim(0), y.str());
  if (rows == 0) fail<DataError>("data set {}: holds no examples", info_.name);
  for (int64 i = 0; i < x_.numel(); ++i)
    if (!std::isfinite(x_.data()[i]))
      fail<DataError>("data set {}: example {} holds a number that is not finite", info_.name,
                      i / info_.example.numel());
}

int64 VectorSet::label(int64 i) const {
  if (!labels_.defined()) cannot("class labels");
  return labels_[i];
}

void VectorSet::read_reals(int64 i, real* out) const {
  const int64 one = info_.example.numel();
  std::copy_n(x_.data() + i * one, one, out);
}

void VectorSet::read_targets(int64 i, real* out) const {
  if (!targets_.defined()) cannot("real targets");
  std::copy_n(targets_.data() + i * info_.targets, info_.targets, out);
}

SplitIndices random_split(int64 n, double fraction, int64 seed, const std::string& name) {
  if (n < 2)
    fail<DataError>("data set {}: {} examples cannot be split into a training and a test part", name, n);
  const auto test = std::clamp<int64>(static_cast<int64>(fraction * static_cast<double>(n) + 0.5), 1, n - 1);
  const std::vector<int64> order = Rng(static_cast<std::uint64_t>(seed)).fork("split").permutation(n);
  SplitIndices parts{{order.begin() + test, order.end()}, {order.begin(), order.begin() + test}};
  std::sort(parts.train.begin(), parts.train.end());
  std::sort(parts.test.begin(), parts.test.end());
  return parts;
}

ColumnScale measure_columns(const Tensor& x, const std::vector<int64>& rows) {
  const int64 d = x.dim(1);
  ColumnScale scale;
  for (int64 c = 0; c < d; ++c) {
    double mean = 0, square = 0;
    for (int64 r : rows) mean += static_cast<double>(x.data()[r * d + c]);
    mean /= static_cast<double>(rows.size());
    for (int64 r : rows) square += std::pow(static_cast<double>(x.data()[r * d + c]) - mean, 2);
    const double std = std::sqrt(square / static_cast<double>(rows.size()));
    scale.mean.push_back(mean);
    scale.std.push_back(std > 0 ? std : 1);
  }
  return scale;
}

}  // namespace gradus
