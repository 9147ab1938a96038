#include "apps/landscape/directions.h"

#include <cmath>

#include "autograd/functional/flat.h"

namespace gradus {
namespace {

double length_of_row(const real* x, int64 n) {
  double sum = 0;
  for (int64 i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return std::sqrt(sum);
}

void scale_row(real* x, int64 n, double factor) {
  for (int64 i = 0; i < n; ++i) x[i] = static_cast<real>(static_cast<double>(x[i]) * factor);
}

}  // namespace

Tensors random_direction(std::span<const Tensor> weights, Rng& rng) {
  Tensors d;
  for (const Tensor& w : weights) d.push_back(rng.normal_tensor(w.shape()));
  const double factor = std::sqrt(inner(weights, weights) / inner(d, d));
  for (Tensor& x : d) scale_row(x.mutable_data(), x.numel(), factor);
  return d;
}

Tensors filter_direction(std::span<const Tensor> weights, Rng& rng) {
  Tensors d;
  for (const Tensor& w : weights) {
    Tensor x = rng.normal_tensor(w.shape());
    const int64 rows = w.rank() >= 2 ? w.dim(0) : 0;
    if (rows == 0) x.fill(0);
    for (int64 r = 0; r < rows; ++r) {
      const int64 n = w.numel() / rows;
      real* row = x.mutable_data() + r * n;
      const double length = length_of_row(row, n);
      scale_row(row, n, length > 0 ? length_of_row(w.data() + r * n, n) / length : 0);
    }
    d.push_back(std::move(x));
  }
  return d;
}

Tensors moved(std::span<const Tensor> w, double a, std::span<const Tensor> d, double b,
              std::span<const Tensor> e) {
  Tensors out;
  for (size_t k = 0; k < w.size(); ++k) {
    Tensor x(w[k].shape());
    real* to = x.mutable_data();
    for (int64 i = 0; i < x.numel(); ++i) {
      double v = static_cast<double>(w[k].data()[i]) + a * static_cast<double>(d[k].data()[i]);
      if (!e.empty()) v += b * static_cast<double>(e[k].data()[i]);
      to[i] = static_cast<real>(v);
    }
    out.push_back(std::move(x));
  }
  return out;
}

}  // namespace gradus
