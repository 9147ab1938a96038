#include "nn/fields/fourier_features.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor fourier_encoding(const Tensor& x, const Tensor& frequencies, bool identity) {
  if (x.rank() != 2 || frequencies.rank() != 2 || x.dim(1) != frequencies.dim(0))
    fail<ShapeError>("fourier_encoding: x {}, frequencies {}", x.shape().str(), frequencies.shape().str());
  const Tensor angle = matmul(x, frequencies) * static_cast<real>(2 * std::numbers::pi);  // (N,F)
  const Tensor waves =
      reshape(stack(std::vector{sin(angle), cos(angle)}, 2), {x.dim(0), 2 * frequencies.dim(1)});
  return identity ? concat(std::vector{x, waves}, 1) : waves;
}

Tensor sorted_frequencies(int64 dim, int64 count, double sigma, Rng& rng) {
  std::vector<double> magnitudes(static_cast<size_t>(count));
  for (double& m : magnitudes) m = sigma * rng.normal();
  std::sort(magnitudes.begin(), magnitudes.end(),
            [](double a, double b) { return std::abs(a) < std::abs(b); });
  Tensor frequencies({dim, count});
  for (int64 f = 0; f < count; ++f) {
    std::vector<double> direction(static_cast<size_t>(dim));
    double length = 0;
    for (double& v : direction) v = rng.normal(), length += v * v;
    for (int64 j = 0; j < dim; ++j)
      frequencies.mutable_data()[j * count + f] = static_cast<real>(
          magnitudes[static_cast<size_t>(f)] * direction[static_cast<size_t>(j)] / std::sqrt(length));
  }
  return frequencies;
}

}  // namespace gradus
