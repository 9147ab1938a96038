#include "nn/diffusion/linear_guidance.h"

#include "core/error.h"
#include "core/linalg.h"
#include "nn/diffusion/prediction.h"

namespace gradus {
namespace {

// sum of coefficients times eps_cond[0..i], eps_uncond[0..i-1].
Tensor regression(std::span<const double> beta, std::span<const Tensor> eps_cond,
                  std::span<const Tensor> eps_uncond) {
  std::vector<double> sum(static_cast<size_t>(eps_cond[0].numel()));
  const auto add = [&](double weight, const Tensor& column) {
    for (size_t r = 0; r < sum.size(); ++r) sum[r] += weight * static_cast<double>(column.data()[r]);
  };
  for (size_t k = 0; k < eps_cond.size(); ++k) add(beta[k], eps_cond[k]);
  for (size_t k = 0; k + 1 < eps_cond.size(); ++k) add(beta[eps_cond.size() + k], eps_uncond[k]);
  Tensor out(eps_cond[0].shape());
  for (size_t r = 0; r < sum.size(); ++r) out.mutable_data()[r] = static_cast<real>(sum[r]);
  return out;
}

}  // namespace

LinearFit linear_ag_fit(std::span<const Tensor> eps_cond, std::span<const Tensor> eps_uncond, double ridge) {
  if (eps_cond.empty() || eps_cond.size() != eps_uncond.size())
    fail<ShapeError>("linear_ag_fit: {} and {} steps", eps_cond.size(), eps_uncond.size());
  std::vector<const real*> columns;
  const auto column = [&](const Tensor& t) {
    if (!(t.shape() == eps_cond[0].shape()))
      fail<ShapeError>("linear_ag_fit: {} beside {}", t.shape().str(), eps_cond[0].shape().str());
    columns.push_back(t.data());
  };
  for (const Tensor& t : eps_cond) column(t);
  for (const Tensor& t : eps_uncond) column(t);  // the last is the target
  const size_t n = columns.size() - 1;
  const auto dot = [&](size_t i, size_t j) {
    double sum = 0;
    for (int64 r = 0; r < eps_cond[0].numel(); ++r)
      sum += static_cast<double>(columns[i][r]) * static_cast<double>(columns[j][r]);
    return sum;
  };
  std::vector<double> gram(n * n), right(n);
  double trace = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) gram[i * n + j] = gram[j * n + i] = dot(i, j);
    right[i] = dot(i, n);
    trace += gram[i * n + i];
  }
  for (size_t i = 0; i < n; ++i) gram[i * n + i] += ridge * trace / static_cast<double>(n);
  LinearFit fit;
  fit.coefficients = linalg::solve_pseudo(gram, right, 1e-15);
  fit.estimate = regression(fit.coefficients, eps_cond, eps_uncond);
  return fit;
}

void LinearGuidance::begin(int64, int64 steps) {
  past_ = {};
  linear_until_ = o_.linear_until.value_or(steps / 2);
  cond_from_ = o_.cond_from.value_or(steps * 6 / 10);
  for (int64 i = 0; i < std::min(steps, cond_from_); ++i)
    if (regressed(i) &&
        (i >= std::ssize(coefficients_) || std::ssize(coefficients_[static_cast<size_t>(i)]) < 2 * i + 1))
      fail<UsageError>("guidance linear: no coefficients for step {}", i);
}

Tensor LinearGuidance::combine(const GuidanceStep& s) {
  if (s.step >= cond_from_) return s.cond;
  past_.eps_cond.push_back(noise_of(s.x, s.cond, s.level));
  past_.eps_uncond.push_back(regressed(s.step) ? regression(coefficients_[static_cast<size_t>(s.step)],
                                                            past_.eps_cond, past_.eps_uncond)
                                               : noise_of(s.x, s.uncond, s.level));
  return denoised_of(s.x, classifier_free(past_.eps_cond.back(), past_.eps_uncond.back(), o_.scale), s.level);
}

void LinearGuidance::rehearse(const PredictionHistory& history) {
  coefficients_.clear();
  for (size_t i = 0; i < history.eps_cond.size(); ++i)
    coefficients_.push_back(linear_ag_fit(std::span(history.eps_cond).first(i + 1),
                                          std::span(history.eps_uncond).first(i + 1), o_.ridge)
                                .coefficients);
}

}  // namespace gradus
