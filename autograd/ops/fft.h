// Differentiable Fourier transforms of real rows (last axis) and circular convolution. A spectrum is a real
// tensor whose last axis holds (re, im).
#pragma once

#include "autograd/graph.h"

namespace gradus {

/// X[k] = sum over t of x[t] e^(-2 pi i k t / n), k = 0..n/2: (..., n) -> (..., n/2 + 1, 2). Any n >= 1.
Tensor rfft(const Tensor& x);
/// The inverse for rows of length n: (..., n/2 + 1, 2) -> (..., n).
Tensor irfft(const Tensor& spectrum, int64 n);
/// y[t] = sum over s of a[s] b[(t - s) mod n] along the last axis; leading axes broadcast. O(n log n).
Tensor circular_convolution(const Tensor& a, const Tensor& b);

}  // namespace gradus
