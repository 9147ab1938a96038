#include "apps/train/predictions.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {

Predictions::Predictions(int64 classes, int64 keep) : classes_(classes), keep_(keep) {
  if (classes < 1) fail<UsageError>("predictions: needs at least one class, not {}", classes);
  of_class_.assign(static_cast<size_t>(classes), 0);
  taken_for_ = of_class_;
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
    ++counts_[label * classes_ + predicted];
    ++of_class_[static_cast<size_t>(label)];
    ++taken_for_[static_cast<size_t>(predicted)];
    ++examples_;
    int64 ahead = 0;
    for (int64 c = 0; c < classes_; ++c) ahead += z[c] > z[label] || (z[c] == z[label] && c < label);
    in_top_ += ahead < kTop;
    double sum = 0;  // of exp(z - largest): the softmax of the largest is 1 / sum
    for (int64 c = 0; c < classes_; ++c) sum += std::exp(static_cast<double>(z[c] - z[predicted]));
    const double confidence = 1 / sum;
    // Bins are open below and closed above; what is no number has none.
    const double place = std::ceil(confidence * static_cast<double>(bins_.size())) - 1;
    Bin& bin = bins_[place > 0 ? std::min(static_cast<size_t>(place), bins_.size() - 1) : 0];
    ++bin.examples;
    bin.right += label == predicted;
    bin.confidence += confidence;
    if (label == predicted) continue;
    const Mistake m{batch.index.defined() ? batch.index[i] : examples_ - 1, label, predicted, confidence,
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
  const auto found = counts_.find(label * classes_ + predicted);
  return found == counts_.end() ? 0 : found->second;
}

int64 Predictions::correct() const {
  int64 n = 0;
  for (int64 c = 0; c < classes_; ++c) n += count(c, c);
  return n;
}

int64 Predictions::of_class(int64 label) const { return of_class_.at(static_cast<size_t>(label)); }
int64 Predictions::taken_for(int64 predicted) const { return taken_for_.at(static_cast<size_t>(predicted)); }

ClassScore Predictions::of(int64 label) const {
  const auto share = [](int64 part, int64 whole) {
    return whole ? static_cast<double>(part) / static_cast<double>(whole) : std::nan("");
  };
  const int64 right = count(label, label), support = of_class(label), taken = taken_for(label);
  return {support, share(right, taken), share(right, support), share(2 * right, support + taken)};
}

ClassScore Predictions::mean() const {
  ClassScore sum{examples_, 0, 0, 0};
  double seen = 0;
  const auto or_zero = [](double v) { return std::isnan(v) ? 0 : v; };
  for (int64 c = 0; c < classes_; ++c) {
    if (of_class(c) + taken_for(c) == 0) continue;
    const ClassScore one = of(c);
    sum.precision += or_zero(one.precision), sum.recall += or_zero(one.recall), sum.f1 += or_zero(one.f1);
    ++seen;
  }
  if (seen == 0) seen = std::nan("");
  return {examples_, sum.precision / seen, sum.recall / seen, sum.f1 / seen};
}

double Predictions::top() const {
  return examples_ ? static_cast<double>(in_top_) / static_cast<double>(examples_) : std::nan("");
}

double Predictions::calibration_error() const {
  if (examples_ == 0) return std::nan("");
  double sum = 0;
  for (const Bin& bin : bins_) sum += std::abs(static_cast<double>(bin.right) - bin.confidence);
  return sum / static_cast<double>(examples_);
}

std::vector<Predictions::Pair> Predictions::confusions(int64 most) const {
  std::vector<Pair> pairs;
  for (const auto& [place, count] : counts_)
    if (place / classes_ != place % classes_) pairs.push_back({place / classes_, place % classes_, count});
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.count > b.count; });
  if (static_cast<int64>(pairs.size()) > most) pairs.resize(static_cast<size_t>(most));
  return pairs;
}

}  // namespace gradus
