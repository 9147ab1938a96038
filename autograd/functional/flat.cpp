#include "autograd/functional/flat.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {

int64 total_size(std::span<const Tensor> xs) {
  int64 n = 0;
  for (const Tensor& x : xs) n += x.numel();
  return n;
}

Tensor flatten_all(std::span<const Tensor> xs) {
  Tensor flat({total_size(xs)});
  real* out = flat.mutable_data();
  for (const Tensor& x : xs) out = std::copy_n(x.data(), x.numel(), out);
  return flat;
}

std::vector<Tensor> unflatten(const Tensor& flat, std::span<const Tensor> like) {
  if (flat.rank() != 1 || flat.numel() != total_size(like))
    fail<ShapeError>("unflatten: a vector of shape {} for {} elements", flat.shape().str(), total_size(like));
  std::vector<Tensor> parts;
  parts.reserve(like.size());
  int64 begin = 0;
  for (const Tensor& x : like) {
    parts.push_back(flat.rows(begin, begin + x.numel()).view(x.shape()));
    begin += x.numel();
  }
  return parts;
}

Tensor basis_vector(const Shape& shape, int64 i) {
  Tensor e = Tensor::zeros(shape);
  e.mutable_data()[i] = 1;
  return e;
}

double inner(std::span<const Tensor> a, std::span<const Tensor> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i].shape() == b[i].shape()))
      fail<ShapeError>("inner: {} with {}", a[i].shape().str(), b[i].shape().str());
    for (int64 j = 0; j < a[i].numel(); ++j)
      sum += static_cast<double>(a[i].data()[j]) * static_cast<double>(b[i].data()[j]);
  }
  return sum;
}

}  // namespace gradus
