#include "nn/init.h"

#include <cmath>

#include "core/error.h"

namespace gradus {

Fan fan_of(const Shape& weight) {
  if (weight.rank() < 2)
    fail<ShapeError>("fan: a weight has at least two axes, this shape is {}", weight.str());
  int64 window = 1;
  for (int i = 2; i < weight.rank(); ++i) window *= weight[i];
  return {weight[1] * window, weight[0] * window};
}

namespace init {
namespace {

double kaiming_std(const Shape& shape, double a, bool fan_out) {
  const Fan fan = fan_of(shape);
  return std::sqrt(2 / (1 + a * a)) / std::sqrt(static_cast<double>(fan_out ? fan.out : fan.in));
}

double xavier_std(const Shape& shape, double gain) {
  const Fan fan = fan_of(shape);
  return gain * std::sqrt(2 / static_cast<double>(fan.in + fan.out));
}

void fill_uniform(Tensor& t, Rng& rng, double bound) {
  t.copy_from(rng.uniform_tensor(t.shape(), static_cast<real>(-bound), static_cast<real>(bound)));
}

void fill_normal(Tensor& t, Rng& rng, double std, double mean = 0) {
  t.copy_from(rng.normal_tensor(t.shape(), static_cast<real>(mean), static_cast<real>(std)));
}

// Makes the rows (each of length n) orthonormal by Gram-Schmidt, each row cleaned twice, which is enough for
// full precision. The implied triangular factor has a positive diagonal, so Gaussian rows give Haar measure.
void orthonormalise_rows(std::vector<double>& rows, int64 count, int64 n) {
  const auto row = [&](int64 i) { return rows.data() + i * n; };
  for (int64 i = 0; i < count; ++i) {
    double* v = row(i);
    for (int pass = 0; pass < 2; ++pass)
      for (int64 j = 0; j < i; ++j) {
        const double* u = row(j);
        double dot = 0;
        for (int64 k = 0; k < n; ++k) dot += u[k] * v[k];
        for (int64 k = 0; k < n; ++k) v[k] -= dot * u[k];
      }
    double norm = 0;
    for (int64 k = 0; k < n; ++k) norm += v[k] * v[k];
    norm = std::sqrt(norm);
    for (int64 k = 0; k < n; ++k) v[k] /= norm;
  }
}

}  // namespace

Init constant(double value) {
  return [=](Tensor& t, Rng&) { t.fill(static_cast<real>(value)); };
}

Init uniform(double bound) {
  return [=](Tensor& t, Rng& rng) { fill_uniform(t, rng, bound); };
}

Init normal(double std, double mean) {
  return [=](Tensor& t, Rng& rng) { fill_normal(t, rng, std, mean); };
}

Init truncated_normal(double std, double cut) {
  if (!(cut > 0)) fail<UsageError>("truncated_normal: cut = {} must be > 0", cut);
  return [=](Tensor& t, Rng& rng) {
    real* out = t.mutable_data();
    for (int64 i = 0; i < t.numel(); ++i) {
      double z = rng.normal();
      while (std::abs(z) > cut) z = rng.normal();
      out[i] = static_cast<real>(std * z);
    }
  };
}

Init kaiming_uniform(double a, bool fan_out) {
  return
      [=](Tensor& t, Rng& rng) { fill_uniform(t, rng, std::sqrt(3.0) * kaiming_std(t.shape(), a, fan_out)); };
}

Init kaiming_normal(double a, bool fan_out) {
  return [=](Tensor& t, Rng& rng) { fill_normal(t, rng, kaiming_std(t.shape(), a, fan_out)); };
}

Init xavier_uniform(double gain) {
  return [=](Tensor& t, Rng& rng) { fill_uniform(t, rng, std::sqrt(3.0) * xavier_std(t.shape(), gain)); };
}

Init xavier_normal(double gain) {
  return [=](Tensor& t, Rng& rng) { fill_normal(t, rng, xavier_std(t.shape(), gain)); };
}

Init orthogonal(double gain) {
  return [=](Tensor& t, Rng& rng) {
    if (t.rank() < 2) fail<ShapeError>("orthogonal: needs at least two axes, got {}", t.shape().str());
    const int64 out = t.dim(0), rest = out ? t.numel() / out : 0;
    const int64 count = std::min(out, rest), n = std::max(out, rest);
    std::vector<double> rows(static_cast<size_t>(count * n));
    for (double& v : rows) v = rng.normal();
    orthonormalise_rows(rows, count, n);
    real* w = t.mutable_data();
    for (int64 i = 0; i < out; ++i)
      for (int64 j = 0; j < rest; ++j)
        w[i * rest + j] =
            static_cast<real>(gain * rows[static_cast<size_t>(out <= rest ? i * n + j : j * n + i)]);
  };
}

Init torch_weight() { return kaiming_uniform(std::sqrt(5.0)); }

Init torch_bias(int64 fan_in) { return uniform(fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0); }

}  // namespace init
}  // namespace gradus
