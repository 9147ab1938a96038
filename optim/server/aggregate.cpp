#include "optim/server/aggregate.h"

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

Weighting weighting_of(const std::string& word) {
  if (word == "examples") return Weighting::kExamples;
  if (word == "uniform") return Weighting::kUniform;
  throw UsageError(unknown_name("weighting", word, {"examples", "uniform"}));
}

std::vector<double> client_weights(std::span<const int64> examples, Weighting weighting) {
  std::vector<double> weights;
  double sum = 0;
  for (const int64 n : examples) {
    if (n < 0) fail<DataError>("a client cannot hold {} examples", n);
    weights.push_back(weighting == Weighting::kUniform ? (n > 0 ? 1.0 : 0.0) : static_cast<double>(n));
    sum += weights.back();
  }
  if (sum > 0)
    for (double& w : weights) w /= sum;
  return weights;
}

void WeightedSum::add(double weight, const Tensor& x) {
  if (x.numel() != static_cast<int64>(sum_.size()))
    fail<ShapeError>("weighted sum of vectors of {} elements: got shape {}", sum_.size(), x.shape().str());
  const real* from = x.data();
  double* to = sum_.data();
  parallel_for(x.numel(), kParallelGrain, [=](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) to[i] += weight * static_cast<double>(from[i]);
  });
}

Tensor WeightedSum::result() const {
  Tensor mean({static_cast<int64>(sum_.size())});
  real* to = mean.mutable_data();
  for (size_t i = 0; i < sum_.size(); ++i) to[i] = static_cast<real>(sum_[i]);
  return mean;
}

Tensor displacement(const Tensor& end, const Tensor& start) {
  Tensor delta(end.shape());
  for_each_element(delta, end, start, [](real& d, real e, real s) { d = e - s; });
  return delta;
}

void displace(Tensor& x, const Tensor& delta) {
  for_each_element(x, delta, [](real& w, real d) { w += d; });
}

}  // namespace gradus
