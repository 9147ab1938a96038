#include "nn/diffusion/mmd.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

Tensor rbf_kernel(const Tensor& x, const Tensor& y, double bandwidth) {
  const Tensor gap = reshape(x, {x.dim(0), 1, x.dim(1)}) - reshape(y, {1, y.dim(0), y.dim(1)});
  return exp(sum(square(gap), {2}) * static_cast<real>(-0.5 / (bandwidth * bandwidth)));
}

// Mean of k(x_i,x_j) over all pairs or those of different points.
Tensor within(const Tensor& x, const MmdOptions& o) {
  const auto n = static_cast<real>(x.dim(0));
  const bool biased = o.estimator == "biased";
  if (o.kernel == "linear") {
    const Tensor total = sum(square(sum(x, {0})));
    return biased ? total / (n * n) : (total - sum(square(x))) / (n * (n - 1));
  }
  const Tensor total = sum(rbf_kernel(x, x, o.bandwidth));
  return biased ? total / (n * n) : (total - n) / (n * (n - 1));  // k(x,x) = 1
}

double mean_gap(const Tensor& x, const Tensor& y) {
  const int64 d = x.dim(1);
  double total = 0;
  for (int64 i = 0; i < x.dim(0); ++i)
    for (int64 j = 0; j < y.dim(0); ++j) {
      double square = 0;
      for (int64 k = 0; k < d; ++k) {
        const double gap =
            static_cast<double>(x.data()[i * d + k]) - static_cast<double>(y.data()[j * d + k]);
        square += gap * gap;
      }
      total += std::sqrt(square);
    }
  return total / (static_cast<double>(x.dim(0)) * static_cast<double>(y.dim(0)));
}

}  // namespace

Tensor mmd_squared(const Tensor& x, const Tensor& y, const MmdOptions& o) {
  if (x.rank() != 2 || y.rank() != 2 || x.dim(1) != y.dim(1))
    fail<ShapeError>("mmd_squared: {} and {}", x.shape().str(), y.shape().str());
  if (const int64 least = o.estimator == "biased" ? 1 : 2; x.dim(0) < least || y.dim(0) < least)
    fail<DataError>("mmd_squared: {} and {} rows, the {} estimator needs {}", x.dim(0), y.dim(0), o.estimator,
                    least);
  const Tensor between =
      o.kernel == "linear" ? sum(mean(x, {0}) * mean(y, {0})) : mean(rbf_kernel(x, y, o.bandwidth));
  return within(x, o) + within(y, o) - real(2) * between;
}

double energy_distance(const Tensor& x, const Tensor& y) {
  if (x.rank() != 2 || y.rank() != 2 || x.dim(1) != y.dim(1))
    fail<ShapeError>("energy_distance: {} and {}", x.shape().str(), y.shape().str());
  if (!x.dim(0) || !y.dim(0)) fail<DataError>("energy_distance: {} and {} points", x.dim(0), y.dim(0));
  return 2 * mean_gap(x, y) - mean_gap(x, x) - mean_gap(y, y);
}

}  // namespace gradus
