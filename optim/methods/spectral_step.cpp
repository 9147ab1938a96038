#include "optim/methods/spectral_step.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

LanczosQuadrature lanczos_quadrature(const LinearOperator& a, std::span<const Tensor> start, int steps,
                                     double norm) {
  const Tridiagonal t = lanczos(a, start, steps);
  LanczosQuadrature q;
  for (size_t j = 0; j < t.alpha.size(); ++j) {
    q.alpha.push_back(t.alpha[j]);
    if (j + 1 == t.alpha.size() || t.beta[j] < 1e-10 * norm) break;
    q.beta.push_back(t.beta[j]);
  }
  const auto k = static_cast<int64>(q.alpha.size());
  Tensor matrix = Tensor::zeros({k, k});
  real* m = matrix.mutable_data();
  for (int64 j = 0; j < k; ++j) {
    m[j * k + j] = static_cast<real>(q.alpha[static_cast<size_t>(j)]);
    if (j + 1 < k) m[j * k + j + 1] = m[(j + 1) * k + j] = static_cast<real>(q.beta[static_cast<size_t>(j)]);
  }
  const linalg::Eigen eigen = linalg::eigh(matrix);
  for (int64 j = 0; j < k; ++j) {
    const double first = static_cast<double>(eigen.vectors.data()[j]);
    q.nodes.push_back(static_cast<double>(eigen.values.data()[j]));
    q.weights.push_back(first * first);
  }
  return q;
}

SpectralStep spectral_step(std::span<const double> ritz_values, const SpectralStepOptions& o) {
  if (ritz_values.empty()) fail<UsageError>("spectral step: no Ritz values");
  const double top = ritz_values.back(), bulk = std::max(0.0, -ritz_values.front());
  if (!(top > 0)) fail<NumericError>("spectral step: the largest Ritz value is {}, not positive", top);
  const auto above =
      std::find_if(ritz_values.begin(), ritz_values.end(), [&](double value) { return value > bulk; });
  const double least = top / 1e4, bottom = above == ritz_values.end() ? least : std::max(*above, least);
  const double sum = std::sqrt(top) + std::sqrt(bottom), ratio = (std::sqrt(top) - std::sqrt(bottom)) / sum;
  return {top, bottom, o.safety * 4 / (sum * sum), std::min(o.momentum_cap, ratio * ratio)};
}

}  // namespace gradus
