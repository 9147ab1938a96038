// Discrete Fourier transforms of real rows, any length. A spectrum is a real tensor whose last axis holds
// (re, im).
#pragma once

#include "core/tensor.h"

namespace gradus::kernels {

/// X[k] = sum over t of x[t] e^(-2 pi i k t / n) for k = 0..n/2: (..., n) -> (..., n/2 + 1, 2).
Tensor rfft(const Tensor& x);
/// Inverse of rfft for rows of length n: x[t] = 1/n sum over all k of X[k] e^(2 pi i k t / n), where
/// X[n-k] = conj X[k]; the imaginary parts of X[0] and, for even n, X[n/2] are ignored.
/// (..., n/2 + 1, 2) -> (..., n).
Tensor irfft(const Tensor& x, int64 n);

}  // namespace gradus::kernels
