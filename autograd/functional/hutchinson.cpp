#include "autograd/functional/hutchinson.h"

#include <cmath>

#include "autograd/functional/flat.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_probes(const char* op, int probes) {
  if (probes < 1) fail<UsageError>("{}: needs at least one probe, not {}", op, probes);
}

}  // namespace

std::vector<Tensor> rademacher_like(std::span<const Tensor> like, Rng& rng) {
  std::vector<Tensor> z;
  z.reserve(like.size());
  for (const Tensor& x : like) z.push_back(rng.rademacher_tensor(x.shape()));
  return z;
}

std::vector<Tensor> hutchinson_diagonal(const LinearOperator& a, std::span<const Tensor> like, int probes,
                                        Rng& rng) {
  check_probes("hutchinson_diagonal", probes);
  std::vector<Tensor> mean;
  for (const Tensor& x : like) mean.push_back(Tensor::zeros(x.shape()));
  const real share = 1 / static_cast<real>(probes);
  for (int k = 0; k < probes; ++k) {
    const std::vector<Tensor> z = rademacher_like(like, rng), az = a(z);
    for (size_t i = 0; i < mean.size(); ++i) {
      real* m = mean[i].mutable_data();
      for (int64 j = 0; j < mean[i].numel(); ++j) m[j] += share * z[i].data()[j] * az[i].data()[j];
    }
  }
  return mean;
}

TraceEstimate hutchinson_trace(const LinearOperator& a, std::span<const Tensor> like, int probes, Rng& rng) {
  check_probes("hutchinson_trace", probes);
  double sum = 0, squares = 0;
  for (int k = 0; k < probes; ++k) {
    const std::vector<Tensor> z = rademacher_like(like, rng);
    const double estimate = inner(z, a(z));
    sum += estimate;
    squares += estimate * estimate;
  }
  const double n = probes, mean = sum / n;
  const double variance = probes > 1 ? std::max(0.0, (squares - n * mean * mean) / (n - 1)) : 0;
  return {mean, std::sqrt(variance / n)};
}

}  // namespace gradus
