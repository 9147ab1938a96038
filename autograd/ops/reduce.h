// Differentiable reductions. `axes` empty means all axes; negative axes count from the end. Sums are formed so that their
// relative error stays below 1e-6 (of the sum of magnitudes) in float, up to 1e8 elements.
// NaN counts as larger and as smaller than any number: max, min and argmax find the first NaN, topk puts NaN first, sort
// last (first when descending).
#pragma once

#include <vector>

#include "autograd/graph.h"

namespace gradus {

using Axes = std::vector<int>;

Tensor sum(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
/// Ties of max and min go to the first index (row-major).
Tensor max(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
/// Mean squared deviation divided by n - correction.
Tensor var(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, int correction = 1);
/// Euclidean norm; derivative 0 at 0.
Tensor norm(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
/// Running sums along one axis.
Tensor cumsum(const Tensor& x, int axis);
/// The adjoint of broadcasting: sums x down to `shape`.
Tensor sum_to(const Tensor& x, const Shape& shape);
/// Index of the (first) largest element along an axis, which disappears.
IntTensor argmax(const Tensor& x, int axis);
/// Indices that sort each lane of an axis (stable).
IntTensor argsort(const Tensor& x, int axis, bool descending = false);
/// Sorted values, with the permutation's gradient, and the permutation.
std::pair<Tensor, IntTensor> sort(const Tensor& x, int axis, bool descending = false);
/// The k largest values along an axis in descending order, and their indices.
std::pair<Tensor, IntTensor> topk(const Tensor& x, int64 k, int axis);

}  // namespace gradus
