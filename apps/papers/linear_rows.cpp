#include "apps/papers/linear_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

double dot_of(const double* a, const double* b, int64 n) {
  double sum = 0;
  for (int64 i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// to += c * a.
void add_multiple(double c, const double* a, double* to, int64 n) {
  for (int64 i = 0; i < n; ++i) to[i] += c * a[i];
}

}  // namespace

LinearRows LinearRows::scaled(const std::vector<double>& factors) const {
  if (std::ssize(factors) != columns) fail<ShapeError>("{} factors for {} columns", factors.size(), columns);
  LinearRows out = *this;
  for (int64 i = 0; i < rows; ++i)
    for (int64 j = 0; j < columns; ++j)
      out.x[static_cast<size_t>(i * columns + j)] *= factors[static_cast<size_t>(j)];
  return out;
}

PixelColumns::PixelColumns(const Dataset& images, int64 limit, double active) {
  const int64 n = std::min(limit, images.size());
  std::vector<std::uint8_t> image(static_cast<size_t>(images.info().example.numel()));
  std::vector<int64> lit(image.size());
  for (int64 i = 0; i < n; ++i) {
    images.read_pixels(i, image.data());
    for (size_t j = 0; j < image.size(); ++j) lit[j] += image[j] > 0;
  }
  for (size_t j = 0; j < lit.size(); ++j)
    if (static_cast<double>(lit[j]) >= active * static_cast<double>(n)) pixels_.push_back(j);
  if (pixels_.empty()) fail<UsageError>("no pixel is lit in a share {} of {} images", active, n);
}

LinearRows PixelColumns::rows(const Dataset& images, int64 limit) const {
  LinearRows out{std::min(limit, images.size()), std::ssize(pixels_) + 1, {}, {}};
  std::vector<std::uint8_t> image(static_cast<size_t>(images.info().example.numel()));
  for (int64 i = 0; i < out.rows; ++i) {
    images.read_pixels(i, image.data());
    for (const size_t j : pixels_) out.x.push_back(image[j] / 256.0);
    out.x.push_back(1);
    out.y.push_back(images.label(i) == 0 ? -1 : 1);
  }
  return out;
}

Landscape logistic(const LinearRows& data, std::vector<int64> rows) {
  if (rows.empty()) {
    rows.resize(static_cast<size_t>(data.rows));
    std::iota(rows.begin(), rows.end(), 0);
  }
  const double share = 1 / static_cast<double>(rows.size());
  const auto value = [&data, rows, share](std::span<const double> w, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double sum = 0;
    for (const int64 i : rows) {
      const double *x = data.x.data() + i * data.columns, y = data.y[static_cast<size_t>(i)];
      const double margin = y * dot_of(x, w.data(), data.columns);
      // log(1 + e^-m) without overflow.
      sum += std::max(-margin, 0.0) + std::log1p(std::exp(-std::abs(margin)));
      add_multiple(-share * y / (1 + std::exp(margin)), x, gradient.data(), data.columns);
    }
    return share * sum;
  };
  const auto times = [&data, rows, share](std::span<const double> w, std::span<const double> v,
                                          std::span<double> product) {
    std::fill(product.begin(), product.end(), 0.0);
    for (const int64 i : rows) {
      const double* x = data.x.data() + i * data.columns;
      const double p = 1 / (1 + std::exp(-dot_of(x, w.data(), data.columns)));
      add_multiple(share * p * (1 - p) * dot_of(x, v.data(), data.columns), x, product.data(), data.columns);
    }
  };
  return {value, times};
}

double linear_accuracy(const LinearRows& data, std::span<const double> w) {
  int64 right = 0;
  for (int64 i = 0; i < data.rows; ++i)
    right +=
        data.y[static_cast<size_t>(i)] * dot_of(data.x.data() + i * data.columns, w.data(), data.columns) > 0;
  return static_cast<double>(right) / static_cast<double>(data.rows);
}

}  // namespace gradus
