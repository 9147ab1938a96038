// Lists of tensors as one long vector, and back: what Krylov methods and explicit matrices work on. Values only,
// nothing here is differentiated.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace gradus {

/// Number of elements of all tensors.
int64 total_size(std::span<const Tensor> xs);
/// All elements in order, (n).
Tensor flatten_all(std::span<const Tensor> xs);
/// The parts of a vector (n) in the shapes of `like`, sharing its storage. Throws ShapeError if n does not fit.
std::vector<Tensor> unflatten(const Tensor& flat, std::span<const Tensor> like);
/// Zeros with a 1 at element i (row-major).
Tensor basis_vector(const Shape& shape, int64 i);
/// Sum of products of all elements, added up in double.
double inner(std::span<const Tensor> a, std::span<const Tensor> b);

}  // namespace gradus
