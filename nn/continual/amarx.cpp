#include "nn/continual/amarx.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

void require_covariances(const Tensor& means, const Tensor& covariances) {
  if (means.rank() != 2 || covariances.shape() != Shape{means.dim(0), means.dim(1), means.dim(1)})
    fail<ShapeError>("class Gaussians: means {} with covariances {}", means.shape().str(),
                     covariances.shape().str());
}

}  // namespace

Tensor enlarged_covariances(const Tensor& covariances, const IntTensor& old, double ve_lambda,
                            bool diagonal) {
  if (covariances.rank() != 3 || covariances.dim(1) != covariances.dim(2) ||
      old.shape() != Shape{covariances.dim(0)})
    fail<ShapeError>("class Gaussians: covariances {} with marks {}", covariances.shape().str(),
                     old.shape().str());
  const int64 d = covariances.dim(1);
  Tensor out = diagonal ? Tensor::zeros(covariances.shape()) : covariances.clone();
  for (int64 k = 0; k < covariances.dim(0); ++k)
    for (int64 i = 0; i < d; ++i) {
      const int64 at = (k * d + i) * d + i;
      out.mutable_data()[at] = covariances.data()[at] * static_cast<real>(old[k] != 0 ? 1 + ve_lambda : 1);
    }
  return out;
}

AmarxTerms amarx_terms(const Tensor& weight, const Tensor& bias, const Tensor& means,
                       const Tensor& covariances, const IntTensor& labels) {
  require_covariances(means, covariances);
  if (weight.rank() != 2 || weight.dim(1) != means.dim(1) || bias.shape() != Shape{weight.dim(0)} ||
      labels.shape() != Shape{means.dim(0)})
    fail<ShapeError>("amarx: weight {}, bias {}, means {}, labels {}", weight.shape().str(),
                     bias.shape().str(), means.shape().str(), labels.shape().str());
  const int64 terms = means.dim(0), k = weight.dim(0), d = weight.dim(1);
  for (const int64 y : labels.span())
    if (y < 0 || y >= k) fail<DataError>("amarx: label {} of {} classes", y, k);
  const Tensor own = reshape(index_select(weight, 0, labels), {terms, 1, d});
  const Tensor v = reshape(weight, {1, k, d}) - own;  // (C,K,d)
  AmarxTerms out;
  out.margins = sum(matmul(v, stop_gradient(covariances)) * v, {2}) * real(0.5);
  out.losses = cross_entropy(linear(means, weight, bias) + out.margins, labels, Reduction::kNone);
  return out;
}

ClassStatistics class_statistics(const Tensor& features, const IntTensor& labels, int64 num_classes,
                                 double ridge) {
  if (features.rank() != 2 || labels.shape() != Shape{features.dim(0)})
    fail<ShapeError>("class statistics: features {} with labels {}", features.shape().str(),
                     labels.shape().str());
  const int64 n = features.dim(0), d = features.dim(1);
  const auto size = static_cast<size_t>(num_classes * d);
  std::vector<double> mean(size), square(size * static_cast<size_t>(d));
  ClassStatistics out{Tensor({num_classes, d}), Tensor({num_classes, d, d}),
                      IntTensor::full({num_classes}, 0)};
  for (int64 i = 0; i < n; ++i) {
    const int64 y = labels[i];
    if (y < 0 || y >= num_classes)
      fail<DataError>("class statistics: label {} of {} classes", y, num_classes);
    ++out.counts.mutable_data()[y];
    for (int64 a = 0; a < d; ++a)
      mean[static_cast<size_t>(y * d + a)] += static_cast<double>(features.data()[i * d + a]);
  }
  for (int64 k = 0; k < num_classes; ++k)
    for (int64 a = 0; a < d; ++a) {
      double& m = mean[static_cast<size_t>(k * d + a)];
      m /= static_cast<double>(std::max<int64>(1, out.counts[k]));
      out.means.mutable_data()[k * d + a] = static_cast<real>(m);
    }
  std::vector<double> centred(static_cast<size_t>(d));
  for (int64 i = 0; i < n; ++i) {
    const int64 y = labels[i];
    for (int64 a = 0; a < d; ++a)
      centred[static_cast<size_t>(a)] =
          static_cast<double>(features.data()[i * d + a]) - mean[static_cast<size_t>(y * d + a)];
    for (int64 a = 0; a < d; ++a)
      for (int64 b = 0; b < d; ++b)
        square[static_cast<size_t>((y * d + a) * d + b)] +=
            centred[static_cast<size_t>(a)] * centred[static_cast<size_t>(b)];
  }
  for (int64 k = 0; k < num_classes; ++k) {
    const double freedom = static_cast<double>(std::max<int64>(1, out.counts[k] - 1));
    for (int64 a = 0; a < d; ++a)
      for (int64 b = 0; b < d; ++b) {
        const int64 at = (k * d + a) * d + b;
        out.covariances.mutable_data()[at] =
            static_cast<real>(square[static_cast<size_t>(at)] / freedom + (a == b ? ridge : 0));
      }
  }
  return out;
}

Tensor gaussian_features(const Tensor& means, const Tensor& covariances, const Tensor& noise) {
  require_covariances(means, covariances);
  const int64 k = means.dim(0), d = means.dim(1);
  if (noise.rank() != 3 || noise.dim(0) != k || noise.dim(2) != d)
    fail<ShapeError>("class Gaussians: noise {} for means {}", noise.shape().str(), means.shape().str());
  const int64 n = noise.dim(1);
  Tensor out(noise.shape());
  for (int64 c = 0; c < k; ++c) {
    const Tensor lower = linalg::cholesky(covariances.rows(c, c + 1).view({d, d}));
    Tensor drawn = out.rows(c, c + 1).view({n, d});
    drawn.copy_from(linalg::matmul(noise.rows(c, c + 1).view({n, d}), lower, false, true));
    for (int64 i = 0; i < n; ++i)
      for (int64 a = 0; a < d; ++a) drawn.mutable_data()[i * d + a] += means.data()[c * d + a];
  }
  return out;
}

}  // namespace gradus
