#include "core/ordered_sum.h"

#include "core/error.h"
#include "core/threads.h"

namespace gradus {
namespace {

void add_part(std::span<double> sum, const real* values, int64 weight) {
  double* to = sum.data();
  parallel_for(static_cast<int64>(sum.size()), kParallelGrain,
               [=, w = static_cast<double>(weight)](int64 begin, int64 end) {
                 for (int64 i = begin; i < end; ++i) to[i] += w * static_cast<double>(values[i]);
               });
}

void divide(std::span<const double> sum, double by, real* mean) {
  for (size_t i = 0; i < sum.size(); ++i) mean[i] = static_cast<real>(sum[i] / by);
}

}  // namespace

OrderedSum::OrderedSum(Communicator& ranks, std::vector<int> owners, std::vector<int64> weights, int64 size)
    : ranks_(ranks),
      owners_(std::move(owners)),
      weights_(std::move(weights)),
      size_(static_cast<size_t>(size)) {
  for (size_t k = 0; k < owners_.size(); ++k)
    if (owners_[k] == ranks.rank()) own_.push_back(k);
  if (ranks.alone())
    sum_.resize(size_);
  else
    values_.reserve(own_.size() * size_);
}

void OrderedSum::add(std::span<const real> values) {
  if (values.size() != size_ || added_ == own_.size())
    fail<ShapeError>("ordered sum: part {} of {} with {} elements, expected {}", added_ + 1, own_.size(),
                     values.size(), size_);
  if (ranks_.alone())
    add_part(sum_, values.data(), weights_[own_[added_]]);
  else
    values_.insert(values_.end(), values.begin(), values.end());
  ++added_;
}

std::vector<real> OrderedSum::mean() {
  if (added_ != own_.size()) fail<ShapeError>("ordered sum: {} of {} parts were added", added_, own_.size());
  double whole = 0;
  for (const int64 n : weights_) whole += static_cast<double>(n);
  std::vector<real> result(size_);
  if (ranks_.alone()) {
    divide(sum_, whole, result.data());
    return result;
  }
  const auto ranks = static_cast<size_t>(ranks_.size()), me = static_cast<size_t>(ranks_.rank());
  const auto from = [&](size_t rank) { return size_ * rank / ranks; };  // where a rank's slice begins
  std::vector<size_t> slice(ranks), out(ranks), in(ranks), parts(ranks);
  for (size_t r = 0; r < ranks; ++r) slice[r] = from(r + 1) - from(r);
  for (const int owner : owners_) ++parts[static_cast<size_t>(owner)];
  std::vector<real> to;
  to.reserve(values_.size());
  for (size_t r = 0; r < ranks; ++r) {
    out[r] = own_.size() * slice[r], in[r] = parts[r] * slice[me];
    for (size_t k = 0; k < own_.size(); ++k) {
      const real* part = values_.data() + k * size_ + from(r);
      to.insert(to.end(), part, part + slice[r]);
    }
  }
  std::vector<real> received(owners_.size() * slice[me]);
  ranks_.exchange(std::span<const real>(to), out, std::span(received), in);
  std::vector<size_t> next(ranks);  // where the next part of each rank lies
  for (size_t r = 1; r < ranks; ++r) next[r] = next[r - 1] + in[r - 1];
  std::vector<double> sum(slice[me]);
  for (size_t k = 0; k < owners_.size(); ++k) {
    size_t& at = next[static_cast<size_t>(owners_[k])];
    add_part(sum, received.data() + at, weights_[k]);
    at += slice[me];
  }
  std::vector<real> own(slice[me]);
  divide(sum, whole, own.data());
  ranks_.all_gather(std::span<const real>(own), std::span(result), slice);
  return result;
}

}  // namespace gradus
