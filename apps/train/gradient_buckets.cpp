#include "apps/train/gradient_buckets.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

GradientBuckets::GradientBuckets(Communicator& ranks, std::span<const Tensor> values, size_t others)
    : ranks_(ranks), begin_(values.size()), complete_(values.size()), next_(values.size()) {
  size_t at = 0, bucket = 0;
  for (size_t i = values.size(); i-- > 0;) {
    begin_[i] = at;
    at += static_cast<size_t>(values[i].numel());
    if (at - bucket >= static_cast<size_t>(kBucket)) ends_.push_back(bucket = at);
  }
  for (const Tensor& v : values) shapes_.push_back(v.shape());
  of_values_ = at;
  sums_.resize(at + others);
  if (ends_.empty() || ends_.back() < sums_.size()) ends_.push_back(sums_.size());
}

void GradientBuckets::add(size_t i, const Tensor& gradient, double weight, bool last) {
  if (complete_[i]) fail<ShapeError>("gradient {} was complete already", i);
  if (gradient.defined()) {
    const real *from = gradient.data(), w = static_cast<real>(weight);
    real* to = sums_.data() + begin_[i];
    for (int64 k = 0; k < gradient.numel(); ++k) to[k] += w * from[k];
  }
  if (!last) return;
  complete_[i] = true;
  send_ready();
  ranks_.progress();
}

// In order, so that all ranks send the same; what the numbers beside are in goes at the end.
void GradientBuckets::send_ready() {
  while (next_ > 0 && complete_[next_ - 1]) --next_;
  const size_t full = next_ > 0 ? begin_[next_ - 1] : of_values_;
  const bool all = next_ == 0 && of_values_ == sums_.size();
  for (; sent_ < ends_.size() && ends_[sent_] <= full && (all || sent_ + 1 < ends_.size()); ++sent_) {
    const size_t from = sent_ ? ends_[sent_ - 1] : 0;
    ranks_.start_sum(std::span(sums_).subspan(from, ends_[sent_] - from));
  }
}

std::vector<Tensor> GradientBuckets::finish() {
  for (; sent_ < ends_.size(); ++sent_) {
    const size_t from = sent_ ? ends_[sent_ - 1] : 0;
    ranks_.start_sum(std::span(sums_).subspan(from, ends_[sent_] - from));
  }
  ranks_.finish_sums();
  std::vector<Tensor> result;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    Tensor t(shapes_[i]);
    std::copy_n(sums_.data() + begin_[i], t.numel(), t.mutable_data());
    result.push_back(t);
  }
  return result;
}

}  // namespace gradus
