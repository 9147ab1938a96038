#include "nn/adapters/incremental_pca.h"

#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

IncrementalPca::IncrementalPca(int64 components) : k_(components) {
  if (components < 1) fail<UsageError>("incremental PCA: {} components, but at least 1", components);
}

bool IncrementalPca::update(const Tensor& X) {
  if (X.rank() != 2) fail<ShapeError>("incremental PCA: needs rows (N,d), not {}", X.shape().str());
  const int64 nb = X.dim(0), d = X.dim(1);
  if (!mean_.empty() && static_cast<int64>(mean_.size()) != d)
    fail<ShapeError>("incremental PCA: rows of {} after rows of {}", d, mean_.size());
  if (d < k_) fail<ShapeError>("incremental PCA: {} components of rows of {}", k_, d);
  if (nb < k_) return false;
  const auto width = static_cast<size_t>(d);
  std::vector<double> mb(width, 0.0), own(width, 0.0);
  for (int64 i = 0; i < nb; ++i)
    for (int64 j = 0; j < d; ++j) mb[static_cast<size_t>(j)] += static_cast<double>(X.data()[i * d + j]);
  for (double& m : mb) m /= static_cast<double>(nb);
  const bool first = count_ == 0;
  const int64 before = first ? 0 : k_;
  Tensor rows({before + nb + (first ? 0 : 1), d});
  real* r = rows.mutable_data();
  for (int64 i = 0; i < before; ++i)
    for (int64 j = 0; j < d; ++j) *r++ = s_.data()[i] * v_.data()[i * d + j];
  for (int64 i = 0; i < nb; ++i)
    for (int64 j = 0; j < d; ++j) {
      const double away = static_cast<double>(X.data()[i * d + j]) - mb[static_cast<size_t>(j)];
      own[static_cast<size_t>(j)] += away * away;
      *r++ = static_cast<real>(away);
    }
  if (first) {
    mean_ = mb;
    squares_ = own;
  } else {
    const double n = static_cast<double>(count_), m = static_cast<double>(nb), both = n * m / (n + m);
    for (size_t j = 0; j < width; ++j) {
      const double apart = mean_[j] - mb[j];
      *r++ = static_cast<real>(std::sqrt(both) * apart);
      squares_[j] += own[j] + both * apart * apart;
      mean_[j] = (n * mean_[j] + m * mb[j]) / (n + m);
    }
  }
  count_ += nb;
  const linalg::Svd svd = linalg::svd(rows);
  s_ = svd.s.rows(0, k_).clone();
  v_ = svd.vt.rows(0, k_).clone();
  real* v = v_.mutable_data();
  for (int64 i = 0; i < k_; ++i) {
    real largest = 0;
    for (int64 j = 0; j < d; ++j)
      if (std::abs(v[i * d + j]) > std::abs(largest)) largest = v[i * d + j];
    if (largest < 0)
      for (int64 j = 0; j < d; ++j) v[i * d + j] = -v[i * d + j];
  }
  ++updates_;
  return true;
}

std::vector<double> IncrementalPca::variance() const {
  std::vector<double> out = squares_;
  for (double& v : out) v /= static_cast<double>(count_);
  return out;
}

std::vector<double> IncrementalPca::ratios() const {
  const double all = std::accumulate(squares_.begin(), squares_.end(), 0.0);
  std::vector<double> out;
  for (int64 i = 0; s_.defined() && i < k_; ++i) {
    const double s = static_cast<double>(s_.data()[i]);
    out.push_back(all > 0 ? s * s / all : 0);
  }
  return out;
}

}  // namespace gradus
