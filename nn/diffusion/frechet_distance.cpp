#include "nn/diffusion/frechet_distance.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/linalg_wide.h"

namespace gradus {
namespace {

struct FittedGaussian {
  std::vector<double> mean, covariance;  // (d), (d,d)
};

FittedGaussian fitted(const Tensor& x) {
  const int64 n = x.dim(0), d = x.dim(1);
  FittedGaussian g{std::vector<double>(static_cast<size_t>(d)),
                   std::vector<double>(static_cast<size_t>(d * d))};
  for (int64 r = 0; r < n; ++r)
    for (int64 i = 0; i < d; ++i)
      g.mean[static_cast<size_t>(i)] += static_cast<double>(x.data()[r * d + i]) / static_cast<double>(n);
  std::vector<double> centred(static_cast<size_t>(d));
  for (int64 r = 0; r < n; ++r) {
    for (int64 i = 0; i < d; ++i)
      centred[static_cast<size_t>(i)] =
          static_cast<double>(x.data()[r * d + i]) - g.mean[static_cast<size_t>(i)];
    for (int64 i = 0; i < d; ++i)
      for (int64 j = 0; j < d; ++j)
        g.covariance[static_cast<size_t>(i * d + j)] +=
            centred[static_cast<size_t>(i)] * centred[static_cast<size_t>(j)] / static_cast<double>(n - 1);
  }
  return g;
}

std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, int64 d) {
  std::vector<double> c(a.size());
  for (int64 i = 0; i < d; ++i)
    for (int64 k = 0; k < d; ++k)
      for (int64 j = 0; j < d; ++j)
        c[static_cast<size_t>(i * d + j)] +=
            a[static_cast<size_t>(i * d + k)] * b[static_cast<size_t>(k * d + j)];
  return c;
}

// The symmetric root; eigenvalues below 0, rounding, count as 0.
std::vector<double> root(const std::vector<double>& a, int64 d) {
  const linalg::WideEigen e = linalg::eigh(a, d);
  std::vector<double> r(a.size());
  for (int64 k = 0; k < d; ++k) {
    const double value = std::sqrt(std::max(e.values[static_cast<size_t>(k)], 0.0));
    const double* v = e.vectors.data() + k * d;
    for (int64 i = 0; i < d; ++i)
      for (int64 j = 0; j < d; ++j) r[static_cast<size_t>(i * d + j)] += value * v[i] * v[j];
  }
  return r;
}

}  // namespace

double frechet_distance(const Tensor& features_a, const Tensor& features_b) {
  if (features_a.rank() != 2 || features_b.rank() != 2 || features_a.dim(1) != features_b.dim(1))
    fail<ShapeError>("frechet_distance: features {} and {}", features_a.shape().str(),
                     features_b.shape().str());
  if (features_a.dim(0) < 2 || features_b.dim(0) < 2)
    fail<DataError>("frechet_distance: {} and {} rows, two at least have a covariance", features_a.dim(0),
                    features_b.dim(0));
  const int64 d = features_a.dim(1);
  const FittedGaussian a = fitted(features_a), b = fitted(features_b);
  const std::vector<double> half = root(a.covariance, d);
  std::vector<double> between = product(product(half, b.covariance, d), half, d);
  for (int64 i = 0; i < d; ++i)
    for (int64 j = 0; j < i; ++j) {
      double &lower = between[static_cast<size_t>(i * d + j)],
             &upper = between[static_cast<size_t>(j * d + i)];
      lower = upper = (lower + upper) / 2;
    }
  double distance = 0;
  for (int64 i = 0; i < d; ++i) {
    const double gap = a.mean[static_cast<size_t>(i)] - b.mean[static_cast<size_t>(i)];
    distance += gap * gap + a.covariance[static_cast<size_t>(i * d + i)] +
                b.covariance[static_cast<size_t>(i * d + i)];
  }
  for (const double value : linalg::eigh(between, d).values) distance -= 2 * std::sqrt(std::max(value, 0.0));
  return distance;
}

}  // namespace gradus
