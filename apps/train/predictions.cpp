#include "apps/train/predictions.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

Predictions::Predictions(int64 classes, int64 keep) : classes_(classes), keep_(keep) {
  if (classes < 1) fail<UsageError>("predictions: needs at least one class, not {}", classes);
  counts_.assign(static_cast<size_t>(classes * classes), 0);
}

void Predictions::add(const Batch& batch, const Tensor& logits) {
  if (logits.rank() != 2 || logits.dim(1) != classes_ || !batch.y.defined() ||
      batch.y.numel() != logits.dim(0))
    fail<ShapeError>("predictions: logits of shape {} for labels of shape {} in {} classes",
                     logits.shape().str(), batch.y.defined() ? batch.y.shape().str() : "none", classes_);
  for (int64 i = 0; i < logits.dim(0); ++i) {
    const real* z = logits.data() + i * classes_;
    const int64 label = batch.y[i], predicted = std::max_element(z, z + classes_) - z;
    if (label < 0 || label >= classes_)
      fail<DataError>("predictions: label {} of example {} is none of 0..{}", label, examples_, classes_ - 1);
    ++counts_[static_cast<size_t>(label * classes_ + predicted)];
    ++examples_;
    if (label == predicted) continue;
    double sum = 0;  // of exp(z - largest): the softmax of the largest is 1 / sum
    for (int64 c = 0; c < classes_; ++c) sum += std::exp(static_cast<double>(z[c] - z[predicted]));
    const Mistake m{batch.index.defined() ? batch.index[i] : examples_ - 1, label, predicted, 1 / sum,
                    std::exp(static_cast<double>(z[label] - z[predicted])) / sum};
    const auto before =
        std::upper_bound(mistakes_.begin(), mistakes_.end(), m,
                         [](const Mistake& a, const Mistake& b) { return a.probability > b.probability; });
    if (before - mistakes_.begin() >= keep_) continue;
    mistakes_.insert(before, m);
    if (static_cast<int64>(mistakes_.size()) > keep_) mistakes_.pop_back();
  }
}

int64 Predictions::count(int64 label, int64 predicted) const {
  return counts_.at(static_cast<size_t>(label * classes_ + predicted));
}

int64 Predictions::correct() const {
  int64 n = 0;
  for (int64 c = 0; c < classes_; ++c) n += count(c, c);
  return n;
}

int64 Predictions::of_class(int64 label) const {
  int64 n = 0;
  for (int64 c = 0; c < classes_; ++c) n += count(label, c);
  return n;
}

int64 Predictions::taken_for(int64 predicted) const {
  int64 n = 0;
  for (int64 c = 0; c < classes_; ++c) n += count(c, predicted);
  return n;
}

std::vector<Predictions::Pair> Predictions::confusions(int64 most) const {
  std::vector<Pair> pairs;
  for (int64 a = 0; a < classes_; ++a)
    for (int64 b = 0; b < classes_; ++b)
      if (a != b && count(a, b) > 0) pairs.push_back({a, b, count(a, b)});
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.count > b.count; });
  if (static_cast<int64>(pairs.size()) > most) pairs.resize(static_cast<size_t>(most));
  return pairs;
}

}  // namespace gradus
