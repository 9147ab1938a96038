#include "nn/diffusion/gaussian_oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"
#include "core/linalg_wide.h"

namespace gradus {

GaussianOracle::GaussianOracle(const Tensor& means, const Tensor& covariances, const Tensor& priors)
    : d_(means.rank() == 2 ? means.dim(1) : 0), classes_(means.rank() == 2 ? means.dim(0) : 0) {
  if (d_ < 1 || classes_ < 1 || !(covariances.shape() == Shape{classes_, d_, d_}) ||
      !(priors.shape() == Shape{classes_}))
    fail<ShapeError>("gaussian oracle: means {}, covariances {}, priors {}", means.shape().str(),
                     covariances.shape().str(), priors.shape().str());
  means_.assign(means.data(), means.data() + means.numel());
  double total = 0;
  for (const real p : priors.span()) {
    if (!(p >= 0)) fail<DataError>("gaussian oracle: prior {}", static_cast<double>(p));
    total += static_cast<double>(p);
  }
  if (!(total > 0)) fail<DataError>("gaussian oracle: no class has a prior above 0");
  for (int64 c = 0; c < classes_; ++c) {
    const real* s = covariances.data() + c * d_ * d_;
    const std::vector<double> wide(s, s + d_ * d_);
    const linalg::WideEigen eigen = linalg::eigh(wide, d_);
    values_.insert(values_.end(), eigen.values.begin(), eigen.values.end());
    vectors_.insert(vectors_.end(), eigen.vectors.begin(), eigen.vectors.end());
    log_priors_.push_back(std::log(static_cast<double>(priors.data()[c]) / total));
  }
}

double GaussianOracle::estimate(const real* x, double alpha_bar, int64 c, double* out) const {
  const double a = std::sqrt(alpha_bar);
  const double *m = means_.data() + c * d_, *l = values_.data() + c * d_, *v = vectors_.data() + c * d_ * d_;
  std::copy_n(m, d_, out);
  double log_density = -0.5 * static_cast<double>(d_) * std::log(2 * std::numbers::pi);
  for (int64 j = 0; j < d_; ++j) {
    const double* row = v + j * d_;
    double along = 0;  // of x - a m, on eigenvector j
    for (int64 i = 0; i < d_; ++i) along += row[i] * (static_cast<double>(x[i]) - a * m[i]);
    const double spread = alpha_bar * l[j] + (1 - alpha_bar);
    log_density -= 0.5 * (std::log(spread) + along * along / spread);
    const double pull = a * l[j] / spread * along;
    for (int64 i = 0; i < d_; ++i) out[i] += pull * row[i];
  }
  return log_density;
}

void GaussianOracle::posterior(const real* x, double alpha_bar, std::vector<double>& share,
                               std::vector<double>& estimates) const {
  share.resize(static_cast<size_t>(classes_));
  estimates.resize(static_cast<size_t>(classes_ * d_));
  for (int64 c = 0; c < classes_; ++c)
    share[static_cast<size_t>(c)] =
        log_priors_[static_cast<size_t>(c)] + estimate(x, alpha_bar, c, estimates.data() + c * d_);
  const double most = *std::max_element(share.begin(), share.end());
  double total = 0;
  for (double& s : share) total += s = std::exp(s - most);
  for (double& s : share) s /= total;
}

namespace {

void check_rows(const Tensor& x, int64 d, double alpha_bar) {
  if (x.rank() != 2 || x.dim(1) != d)
    fail<ShapeError>("gaussian oracle: x {}, expected (B,{})", x.shape().str(), d);
  if (!(alpha_bar >= 0 && alpha_bar <= 1)) fail<DataError>("gaussian oracle: alpha_bar {}", alpha_bar);
}

}  // namespace

GaussianOracle::Answer GaussianOracle::all(const Tensor& x, double alpha_bar) const {
  check_rows(x, d_, alpha_bar);
  const int64 rows = x.dim(0);
  Answer answer{Tensor({rows, classes_, d_}), Tensor({rows, classes_}), Tensor::zeros({rows, d_})};
  std::vector<double> share, estimates;
  for (int64 b = 0; b < rows; ++b) {
    posterior(x.data() + b * d_, alpha_bar, share, estimates);
    for (int64 c = 0; c < classes_; ++c) {
      const double p = share[static_cast<size_t>(c)];
      answer.posterior.mutable_data()[b * classes_ + c] = static_cast<real>(p);
      for (int64 i = 0; i < d_; ++i)
        answer.x0_class.mutable_data()[(b * classes_ + c) * d_ + i] =
            static_cast<real>(estimates[static_cast<size_t>(c * d_ + i)]);
    }
    for (int64 i = 0; i < d_; ++i) {
      double sum = 0;
      for (int64 c = 0; c < classes_; ++c)
        sum += share[static_cast<size_t>(c)] * estimates[static_cast<size_t>(c * d_ + i)];
      answer.x0_uncond.mutable_data()[b * d_ + i] = static_cast<real>(sum);
    }
  }
  return answer;
}

Tensor GaussianOracle::denoise(const Tensor& x, const NoiseLevel& level, const IntTensor& classes) {
  check_rows(x, d_, level.alpha_bar);
  if (!(classes.shape() == Shape{x.dim(0)}))
    fail<ShapeError>("gaussian oracle: x {}, classes {}", x.shape().str(), classes.shape().str());
  Tensor out(x.shape());
  std::vector<double> share, estimates;
  for (int64 b = 0; b < x.dim(0); ++b) {
    const real* row = x.data() + b * d_;
    real* to = out.mutable_data() + b * d_;
    const int64 y = classes[b];
    if (y >= classes_ || y < -1)
      fail<DataError>("gaussian oracle: class {} of row {}, expected -1..{}", y, b, classes_ - 1);
    if (y >= 0) {
      estimates.resize(static_cast<size_t>(d_));
      estimate(row, level.alpha_bar, y, estimates.data());
      for (int64 i = 0; i < d_; ++i) to[i] = static_cast<real>(estimates[static_cast<size_t>(i)]);
      continue;
    }
    posterior(row, level.alpha_bar, share, estimates);
    for (int64 i = 0; i < d_; ++i) {
      double sum = 0;
      for (int64 c = 0; c < classes_; ++c)
        sum += share[static_cast<size_t>(c)] * estimates[static_cast<size_t>(c * d_ + i)];
      to[i] = static_cast<real>(sum);
    }
  }
  return out;
}

}  // namespace gradus
