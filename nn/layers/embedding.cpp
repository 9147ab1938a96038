#include "nn/layers/embedding.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"

namespace gradus {
namespace {

void check_even(const char* what, int64 dim) {
  if (dim < 2 || dim % 2) fail<UsageError>("{}: dimension {} is not even", what, dim);
}

// base^(-2i/dim)
double frequency(int64 i, int64 dim, double base) {
  return std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
}

}  // namespace

Embedding::Embedding(int64 count, int64 dim) {
  if (count < 1 || dim < 1) fail<UsageError>("Embedding({}, {}): sizes must be at least 1", count, dim);
  weight = parameter("weight", ParamKind::kEmbedding, {count, dim}, init::normal(1));
}

Tensor Embedding::forward(const Input& ids) { return embedding(weight, ids.ids()); }

std::string Embedding::describe() const {
  return fmt::format("Embedding({}, {})", weight.shape()[0], weight.shape()[1]);
}

Tensor sinusoidal_positions(int64 count, int64 dim, double base) {
  check_even("sinusoidal_positions", dim);
  Tensor table({count, dim});
  real* out = table.mutable_data();
  for (int64 p = 0; p < count; ++p)
    for (int64 i = 0; i < dim / 2; ++i) {
      const double angle = static_cast<double>(p) * frequency(i, dim, base);
      out[p * dim + 2 * i] = static_cast<real>(std::sin(angle));
      out[p * dim + 2 * i + 1] = static_cast<real>(std::cos(angle));
    }
  return table;
}

Tensor sinusoidal_features(const Tensor& positions, int64 dim, double scale, double base) {
  check_even("sinusoidal_features", dim);
  Tensor frequencies({1, dim / 2});
  for (int64 i = 0; i < dim / 2; ++i)
    frequencies.mutable_data()[i] = static_cast<real>(scale * frequency(i, dim, base));
  const Tensor angles = reshape(positions, Shape{positions.numel(), 1}) * frequencies;  // (N, dim/2)
  const Tensor parts[] = {sin(angles), cos(angles)};
  return concat(parts, 1);
}

Tensor rotary(const Tensor& x, int64 offset, double base) {
  if (x.rank() < 2) fail<ShapeError>("rotary: needs (...,T,D), got {}", x.shape().str());
  const int64 t = x.dim(-2), dim = x.dim(-1), half = dim / 2;
  check_even("rotary", dim);
  Tensor cosines({t, dim}), sines({t, dim});
  real *c = cosines.mutable_data(), *s = sines.mutable_data();
  for (int64 p = 0; p < t; ++p)
    for (int64 i = 0; i < half; ++i) {
      const double angle = static_cast<double>(offset + p) * frequency(i, dim, base);
      c[p * dim + i] = c[p * dim + half + i] = static_cast<real>(std::cos(angle));
      s[p * dim + i] = s[p * dim + half + i] = static_cast<real>(std::sin(angle));
    }
  const Tensor turned[] = {-slice(x, -1, half, dim), slice(x, -1, 0, half)};
  return x * cosines + concat(turned, -1) * sines;
}

}  // namespace gradus
