#include "data/vectors.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/rng.h"
#include "data/views.h"

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
  for (int64 i = 0; i < targets_.numel(); ++i)
    if (!std::isfinite(targets_.data()[i]))
      fail<DataError>("data set {}: the target of example {} is not finite", info_.name, i / info_.targets);
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
  if (fraction >= 1) {
    SplitIndices all;
    for (int64 i = 0; i < n; ++i) all.test.push_back(i);
    return all;
  }
  if (n < 2)
    fail<DataError>("data set {}: {} examples cannot be split into a training and a test part", name, n);
  const auto test = std::clamp<int64>(static_cast<int64>(fraction * static_cast<double>(n) + 0.5), 1, n - 1);
  const std::vector<int64> order = Rng(static_cast<std::uint64_t>(seed)).fork("split").permutation(n);
  SplitIndices parts{{order.begin() + test, order.end()}, {order.begin(), order.begin() + test}};
  std::sort(parts.train.begin(), parts.train.end());
  std::sort(parts.test.begin(), parts.test.end());
  return parts;
}

Data split_data(const DatasetPtr& whole, const SplitIndices& parts) {
  return {parts.train.empty() ? nullptr : subset(whole, parts.train), subset(whole, parts.test)};
}

ColumnScale measure_columns(const std::vector<double>& x, int64 columns, const std::vector<int64>& rows) {
  constexpr double kRounding = 16 * std::numeric_limits<double>::epsilon();
  const auto n = static_cast<double>(rows.size());
  ColumnScale scale;
  for (int64 c = 0; c < columns; ++c) {
    const auto at = [&](int64 row) { return x[static_cast<std::size_t>(row * columns + c)]; };
    // Sums of differences from the first number: exact for a constant, and precise for time stamps.
    const double first = at(rows[0]);
    double mean = 0, square = 0, largest = 0;
    for (int64 r : rows) mean += (at(r) - first) / n, largest = std::max(largest, std::abs(at(r)));
    mean += first;
    for (int64 r : rows) square += (at(r) - mean) * (at(r) - mean);
    const double std = std::sqrt(square / n);
    scale.mean.push_back(mean);
    scale.std.push_back(std > kRounding * largest ? std : std > 0 ? largest : 1);
  }
  return scale;
}

}  // namespace gradus
