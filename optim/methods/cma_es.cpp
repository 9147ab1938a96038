#include "optim/methods/cma_es.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "core/linalg_wide.h"

namespace gradus {
namespace {

double length_of(const std::vector<double>& v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

}  // namespace

CmaConstants cma_constants(int64 dimension, int64 lam) {
  if (dimension < 1 || lam < 2)
    fail<UsageError>("CMA-ES: needs a dimension of 1 and 2 candidates at least, not {} and {}", dimension,
                     lam);
  CmaConstants k{};
  const double d = static_cast<double>(dimension);
  double sum = 0, squares = 0;
  for (int64 i = 1; i <= lam / 2; ++i)
    k.weights.push_back(std::log((static_cast<double>(lam) + 1) / 2) - std::log(static_cast<double>(i)));
  for (const double w : k.weights) sum += w;
  for (double& w : k.weights) w /= sum, squares += w * w;
  k.mueff = 1 / squares;
  k.cc = (4 + k.mueff / d) / (d + 4 + 2 * k.mueff / d);
  k.cs = (k.mueff + 2) / (d + k.mueff + 5);
  k.c1 = 2 / ((d + 1.3) * (d + 1.3) + k.mueff);
  k.cmu = std::min(1 - k.c1, 2 * (k.mueff - 2 + 1 / k.mueff) / ((d + 2) * (d + 2) + k.mueff));
  k.damps = 1 + 2 * std::max(0.0, std::sqrt((k.mueff - 1) / (d + 1)) - 1) + k.cs;
  k.chi_n = std::sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d));
  return k;
}

CmaEs::CmaEs(std::vector<double> mean, double sigma, int64 lam, int64 eigen_interval)
    : d_(static_cast<int64>(mean.size())),
      lam_(lam),
      interval_(eigen_interval),
      k_(cma_constants(d_, lam)),
      mean_(std::move(mean)),
      c_(mean_.size() * mean_.size(), 0.0),
      ps_(mean_.size(), 0.0),
      pc_(mean_.size(), 0.0),
      best_x_(mean_),
      sigma_(sigma),
      best_f_(std::numeric_limits<double>::infinity()) {
  if (!(sigma > 0) || eigen_interval < 1)
    fail<UsageError>("CMA-ES: a step size of {} and an interval of {}, but both are positive", sigma,
                     eigen_interval);
  for (size_t i = 0; i < mean_.size(); ++i) c_[i * mean_.size() + i] = 1;
}

void CmaEs::refresh() {
  const linalg::WideEigen eigen = linalg::eigh(c_, d_);
  const size_t d = mean_.size();
  root_.assign(d * d, 0.0);
  inverse_root_.assign(d * d, 0.0);
  for (size_t k = 0; k < d; ++k) {
    // Rounding may leave an eigenvalue of nothing below 0.
    const double root = std::sqrt(std::max(eigen.values[k], std::numeric_limits<double>::min()));
    const double* v = &eigen.vectors[k * d];
    for (size_t i = 0; i < d; ++i)
      for (size_t j = 0; j < d; ++j) {
        root_[i * d + j] += root * v[i] * v[j];
        inverse_root_[i * d + j] += v[i] * v[j] / root;
      }
  }
}

std::vector<double> CmaEs::times(const std::vector<double>& matrix, std::span<const double> x) const {
  const size_t d = mean_.size();
  std::vector<double> y(d, 0.0);
  for (size_t i = 0; i < d; ++i) y[i] = std::inner_product(x.begin(), x.end(), &matrix[i * d], 0.0);
  return y;
}

void CmaEs::generation(std::span<const double> normals, const Fitness& f) {
  const size_t d = mean_.size(), lam = static_cast<size_t>(lam_);
  if (normals.size() != d * lam)
    fail<ShapeError>("CMA-ES: {} normals for {} candidates of {}", normals.size(), lam, d);
  if (g_ % interval_ == 0) refresh();
  struct Candidate {
    std::vector<double> x;
    double f;
  };
  std::vector<Candidate> all;
  for (size_t k = 0; k < lam; ++k) {
    std::vector<double> x = times(root_, normals.subspan(k * d, d));
    for (size_t i = 0; i < d; ++i) x[i] = mean_[i] + sigma_ * x[i];
    const double value = f(x);
    if (std::isnan(value))
      fail<NumericError>("CMA-ES: the value of candidate {} of generation {} is none", k, g_ + 1);
    all.push_back({std::move(x), value});
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.f < b.f; });
  if (all[0].f < best_f_) best_f_ = all[0].f, best_x_ = all[0].x;
  ++g_;
  const size_t mu = k_.weights.size();
  std::vector<double> y(d, 0.0);
  for (size_t i = 0; i < mu; ++i)
    for (size_t j = 0; j < d; ++j) {
      all[i].x[j] = (all[i].x[j] - mean_[j]) / sigma_;  // y_i from here on
      y[j] += k_.weights[i] * all[i].x[j];
    }
  const std::vector<double> whitened = times(inverse_root_, y);
  const double to_ps = std::sqrt(k_.cs * (2 - k_.cs) * k_.mueff),
               to_pc = std::sqrt(k_.cc * (2 - k_.cc) * k_.mueff);
  for (size_t j = 0; j < d; ++j) {
    mean_[j] += sigma_ * y[j];
    ps_[j] = (1 - k_.cs) * ps_[j] + to_ps * whitened[j];
  }
  const double length = length_of(ps_), generations = static_cast<double>(g_);
  h_ = length / std::sqrt(1 - std::pow(1 - k_.cs, 2 * generations)) <
       (1.4 + 2 / (static_cast<double>(d_) + 1)) * k_.chi_n;
  for (size_t j = 0; j < d; ++j) pc_[j] = (1 - k_.cc) * pc_[j] + (h_ ? to_pc * y[j] : 0);
  const double keep = 1 - k_.c1 - k_.cmu + (h_ ? 0 : k_.c1 * k_.cc * (2 - k_.cc));
  for (size_t i = 0; i < d; ++i)
    for (size_t j = 0; j < d; ++j) {
      double c = keep * c_[i * d + j] + k_.c1 * pc_[i] * pc_[j];
      for (size_t l = 0; l < mu; ++l) c += k_.cmu * k_.weights[l] * all[l].x[i] * all[l].x[j];
      c_[i * d + j] = c;
    }
  sigma_ *= std::exp(k_.cs / k_.damps * (length / k_.chi_n - 1));
}

void CmaEs::generation(Rng& rng, const Fitness& f) {
  std::vector<double> normals(mean_.size() * static_cast<size_t>(lam_));
  for (double& z : normals) z = rng.normal();
  generation(normals, f);
}

}  // namespace gradus
