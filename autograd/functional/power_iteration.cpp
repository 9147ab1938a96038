#include "autograd/functional/power_iteration.h"

#include <cmath>

#include "autograd/functional/flat.h"
#include "core/error.h"

namespace gradus {
namespace {

// a*x + b*y, list by list.
std::vector<Tensor> combine(double a, std::span<const Tensor> x, double b, std::span<const Tensor> y) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < x.size(); ++i) {
    Tensor sum(x[i].shape());
    real* to = sum.mutable_data();
    for (int64 j = 0; j < sum.numel(); ++j)
      to[j] = static_cast<real>(a * static_cast<double>(x[i].data()[j]) +
                                b * static_cast<double>(y[i].data()[j]));
    out.push_back(std::move(sum));
  }
  return out;
}

}  // namespace

PowerIteration power_iteration(const LinearOperator& a, std::span<const Tensor> start, int iterations,
                               double shift) {
  if (iterations < 0) fail<UsageError>("power iteration: {} iterations", iterations);
  const double length = std::sqrt(inner(start, start));
  if (!(length > 0) || !std::isfinite(length))
    fail<NumericError>("power iteration: the start vector has norm {}", length);
  PowerIteration out;
  out.vector = combine(1 / length, start, 0, start);
  for (int k = 0; k <= iterations; ++k) {
    const std::vector<Tensor> w = a(out.vector);
    const double quotient = inner(out.vector, w);
    if (!std::isfinite(quotient))
      fail<NumericError>("power iteration: the product of iteration {} is not finite", k + 1);
    out.eigenvalue = quotient;
    if (k == iterations) break;
    out.rayleigh.push_back(quotient);
    const std::vector<Tensor> next = combine(1, w, shift, out.vector);
    const double norm = std::sqrt(inner(next, next));
    if (norm > 0) out.vector = combine(1 / norm, next, 0, next);
  }
  return out;
}

}  // namespace gradus
