#include "nn/ranking/sinkhorn.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {
namespace {

constexpr double kSmallestSum = 1e-10;

// One round on a plain matrix (n,n); returns how far the sums are from 1 after it.
double sinkhorn_round(std::vector<double>& m, size_t n) {
  std::vector<double> columns(n, 0);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) columns[j] += m[i * n + j];
  for (double& sum : columns) sum = std::max(sum, kSmallestSum);
  std::vector<double> after(n, 0);
  double distance = 0;
  for (size_t i = 0; i < n; ++i) {
    double* row = m.data() + i * n;
    double sum = 0, scaled = 0;
    for (size_t j = 0; j < n; ++j) sum += row[j] /= columns[j];
    for (size_t j = 0; j < n; ++j) scaled += row[j] /= std::max(sum, kSmallestSum), after[j] += row[j];
    distance = std::max(distance, std::abs(scaled - 1));
  }
  for (const double sum : after) distance = std::max(distance, std::abs(sum - 1));
  return distance;
}

int64 sinkhorn_rounds(const Tensor& matrix, const SinkhornOptions& options) {
  const auto n = static_cast<size_t>(matrix.dim(1));
  std::vector<std::vector<double>> matrices;
  for (int64 b = 0; b < matrix.dim(0); ++b) {
    const real* m = matrix.data() + b * matrix.dim(1) * matrix.dim(2);
    matrices.emplace_back(m, m + n * n);
  }
  for (int64 round = 1; round <= options.max_iter; ++round) {
    double distance = 0;
    for (auto& m : matrices) distance = std::max(distance, sinkhorn_round(m, n));
    if (distance < options.tol) return round;
  }
  return options.max_iter;
}

Tensor over_sums(const Tensor& m, int axis) {
  return m * reciprocal(maximum(sum(m, {axis}, true), Tensor::scalar(static_cast<real>(kSmallestSum))));
}

}  // namespace

SinkhornResult sinkhorn(const Tensor& matrix, const ListMask& mask, const SinkhornOptions& options) {
  if (!(matrix.shape() == Shape{mask.lists(), mask.items(), mask.items()}))
    fail<ShapeError>("sinkhorn: matrix {} for lists {}", matrix.shape().str(), mask.shape().str());
  Tensor m = mask.any() ? where(mask.real_pairs(), matrix, mask.padded_pairs()) : matrix;
  const int64 iterations = sinkhorn_rounds(m, options);
  for (int64 round = 0; round < iterations; ++round) m = over_sums(over_sums(m, 1), 2);
  if (mask.any()) m = masked(m, mask.real_pairs());
  return {m, iterations};
}

}  // namespace gradus
