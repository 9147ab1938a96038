#include "optim/methods/scaled_gd.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

Tensor scaled_gradient(const Tensor& gradient, const Tensor& x, double damping) {
  if (x.rank() != 2 || gradient.rank() != 2 || gradient.dim(1) != x.dim(1))
    fail<ShapeError>("scaled gradient: gradient {} for a factor {}", gradient.shape().str(), x.shape().str());
  const int64 r = x.dim(1);
  Tensor gram = linalg::matmul(x, x, true, false);  // (r,r)
  real* g = gram.mutable_data();
  for (int64 i = 0; i < r; ++i) g[i * r + i] += static_cast<real>(damping);
  return linalg::transpose(linalg::solve_positive(gram, linalg::transpose(gradient)));
}

namespace {

Tensor factor_step(const Tensor& w, const Tensor& gradient, const Tensor& other, const ScaledGdOptions& o) {
  const Tensor direction = o.method == "gd" ? gradient : scaled_gradient(gradient, other, o.damping);
  return w - direction * static_cast<real>(o.lr);
}

}  // namespace

Tensor scaled_gd(const FactorObjective& objective, const Tensor& start, const ScaledGdOptions& o,
                 const FactorWatch& watch) {
  Tensor x = start.clone();
  for (int64 step = 0;; ++step) {
    const FactorPoint point = objective(x);
    if (!std::isfinite(point.loss))
      fail<NumericError>("{}: the loss is {} at step {}", o.method, point.loss, step);
    if (!watch(step, point.loss, x) || step == o.steps) return x;
    x = factor_step(x, point.gradient, x, o);
  }
}

PairPoint pair_point(const FactorPair& f, const Tensor& matrix, const Tensor& mask) {
  const Shape expected{f.left.dim(0), f.right.dim(0)};
  if (!(matrix.shape() == expected) || !(mask.shape() == expected) || f.left.dim(1) != f.right.dim(1))
    fail<ShapeError>("factor pair: factors {} and {} for a matrix {} with mask {}", f.left.shape().str(),
                     f.right.shape().str(), matrix.shape().str(), mask.shape().str());
  const Tensor error = mask * (linalg::matmul(f.left, f.right, false, true) - matrix);
  double squares = 0;
  for (real e : error.span()) squares += double(e) * double(e);
  return {squares / 2, {linalg::matmul(error, f.right), linalg::matmul(error, f.left, true, false)}};
}

FactorPair scaled_gd_step(const FactorPair& f, const FactorPair& gradient, const ScaledGdOptions& o) {
  return {factor_step(f.left, gradient.left, f.right, o), factor_step(f.right, gradient.right, f.left, o)};
}

}  // namespace gradus
