#include "optim/methods/batch_growth.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

double element(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

// Mean and variance (divisor n-1) of value(0), ..., value(n-1), in two passes.
struct Moments {
  double mean = 0, variance = 0;
};
template <class Value>
Moments moments(int64 n, const Value& value) {
  Moments m;
  for (int64 i = 0; i < n; ++i) m.mean += value(i);
  m.mean /= static_cast<double>(n);
  for (int64 i = 0; i < n; ++i) m.variance += (value(i) - m.mean) * (value(i) - m.mean);
  m.variance /= static_cast<double>(n - 1);
  return m;
}

void need_two(int64 n, const char* what) {
  if (n < 2)
    fail<UsageError>("batch size test: the variance over {} {} is not defined, at least two are needed", n,
                     what);
}

// Variances along and across the mean gradient, of the coordinates from..to-1.
void add_directions(const Tensor& grads, const std::vector<double>& mean, int64 from, int64 to,
                    GradientSpread& s) {
  const int64 b = grads.dim(0), p = grads.dim(1);
  double square = 0;
  for (int64 j = from; j < to; ++j) square += mean[static_cast<size_t>(j)] * mean[static_cast<size_t>(j)];
  std::vector<double> c(static_cast<size_t>(b));
  for (int64 i = 0; i < b; ++i)
    for (int64 j = from; j < to; ++j)
      c[static_cast<size_t>(i)] += element(grads, i * p + j) * mean[static_cast<size_t>(j)];
  s.inner_product_variance += moments(b, [&](int64 i) { return c[static_cast<size_t>(i)]; }).variance;
  if (square == 0) return;
  for (int64 j = from; j < to; ++j)
    s.orthogonal_variance += moments(b, [&](int64 i) {
                               return element(grads, i * p + j) -
                                      c[static_cast<size_t>(i)] * mean[static_cast<size_t>(j)] / square;
                             }).variance;
}

}  // namespace

GradientSpread gradient_spread(const Tensor& grads, std::span<const int64> tensors) {
  if (grads.rank() != 2)
    fail<ShapeError>("batch size test: needs gradients (b,P), got {}", grads.shape().str());
  const int64 b = grads.dim(0), p = grads.dim(1);
  need_two(b, "gradient");
  GradientSpread s{.examples = b};
  std::vector<double> mean(static_cast<size_t>(p));
  for (int64 j = 0; j < p; ++j) {
    const Moments m = moments(b, [&](int64 i) { return element(grads, i * p + j); });
    const double square = m.mean * m.mean;
    mean[static_cast<size_t>(j)] = m.mean;
    s.grad_norm_squared += square;
    s.variance += m.variance;
    if (square == 0 && m.variance > 0) s.worst_coordinate.reset();
    if (square > 0 && s.worst_coordinate)
      s.worst_coordinate = std::max(*s.worst_coordinate, m.variance / square);
  }
  const std::vector<int64> whole = {p};
  int64 from = 0;
  for (const int64 size : tensors.empty() ? std::span<const int64>(whole) : tensors) {
    if (size < 0 || from + size > p)
      fail<ShapeError>("batch size test: the sizes of the tensors do not add up to {}", p);
    add_directions(grads, mean, from, from + size, s);
    from += size;
  }
  if (from != p)
    fail<ShapeError>("batch size test: the sizes of the tensors add up to {}, not to {}", from, p);
  return s;
}

GradientSpread gradient_spread(double sum_of_norms_squared, double grad_norm_squared,
                               std::span<const double> c) {
  const auto b = static_cast<int64>(c.size());
  need_two(b, "gradient");
  GradientSpread s{.examples = b, .grad_norm_squared = grad_norm_squared, .worst_coordinate = {}};
  // (Differences of nearly equal sums: rounding must not make them negative.)
  s.variance = std::max(
      0.0, (sum_of_norms_squared - static_cast<double>(b) * grad_norm_squared) / static_cast<double>(b - 1));
  s.inner_product_variance = moments(b, [&](int64 i) { return c[static_cast<size_t>(i)]; }).variance;
  if (grad_norm_squared > 0)
    s.orthogonal_variance = std::max(0.0, s.variance - s.inner_product_variance / grad_norm_squared);
  return s;
}

std::optional<double> wanted_batch_size(const GradientSpread& s, const BatchTestOptions& o) {
  if (o.test == "coordinatewise") {
    if (!s.worst_coordinate) return std::nullopt;
    return *s.worst_coordinate / (o.eta * o.eta);
  }
  const double square = s.grad_norm_squared;
  if (square == 0) return std::nullopt;
  if (o.test == "norm") return s.variance / (o.eta * o.eta * square);
  const double along = s.inner_product_variance / (o.theta * o.theta * square * square),
               across = s.orthogonal_variance / (o.nu * o.nu * square);
  if (o.test == "inner_product") return along;
  return o.test == "orthogonality" ? across : std::max(along, across);
}

int64 grown_batch_size(int64 b, const std::optional<double>& wanted, int64 most) {
  if (!wanted || !(*wanted < static_cast<double>(most))) return most;
  return std::min(most, std::max(b, static_cast<int64>(std::ceil(*wanted))));
}

MicroBatchSpread micro_batch_spread(const Tensor& grads) {
  if (grads.rank() != 3)
    fail<ShapeError>("micro-batches: needs gradients (K,m,P), got {}", grads.shape().str());
  const int64 batches = grads.dim(0), m = grads.dim(1), p = grads.dim(2);
  need_two(m, "gradient of a micro-batch");
  need_two(batches, "micro-batch");
  MicroBatchSpread s{.mean = Tensor({p})};
  std::vector<double> means(static_cast<size_t>(batches));
  for (int64 j = 0; j < p; ++j) {
    double within = 0, squares = 0;
    for (int64 k = 0; k < batches; ++k) {
      const Moments part = moments(m, [&](int64 i) { return element(grads, (k * m + i) * p + j); });
      means[static_cast<size_t>(k)] = part.mean;
      within += part.variance;
      squares += part.mean * part.mean;
    }
    const Moments all = moments(batches, [&](int64 k) { return means[static_cast<size_t>(k)]; });
    const double n = static_cast<double>(batches);
    s.variance += within / n + squares / n - all.mean * all.mean;
    s.between += static_cast<double>(m) * all.variance;
    s.norm_squared += all.mean * all.mean;
    s.mean.mutable_data()[j] = static_cast<real>(all.mean);
  }
  return s;
}

}  // namespace gradus
