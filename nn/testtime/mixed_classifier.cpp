#include "nn/testtime/mixed_classifier.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/losses.h"

namespace gradus {

Tensor mixed_logits(const Tensor& logits_std, const Tensor& logits_rob, const Tensor& alpha,
                    const MixOptions& options) {
  if (logits_std.rank() != 2 || !(logits_std.shape() == logits_rob.shape()) ||
      !(alpha.shape() == Shape{logits_std.dim(0)}))
    fail<ShapeError>("mixed_logits: logits {} and {}, alpha {}", logits_std.shape().str(),
                     logits_rob.shape().str(), alpha.shape().str());
  const Tensor a = reshape(alpha, {alpha.dim(0), 1});
  const Tensor p = (real(1) - a) * softmax(logits_std * static_cast<real>(options.std_scale), 1) +
                   a * softmax(logits_rob * static_cast<real>(options.rob_scale), 1);
  return log(clamp(p, static_cast<real>(options.floor), std::numeric_limits<real>::max()));
}

MixingWeight mixing_weight(const Tensor& score, RunningScore& running, bool training,
                           const MixingWeightOptions& options) {
  if (score.rank() != 1) fail<ShapeError>("mixing_weight: score {}, expected (B)", score.shape().str());
  const auto as_real = [](double v) { return static_cast<real>(v); };
  Tensor normal;
  if (training) {
    if (score.numel() < 2)
      fail<DataError>("mixing_weight: a training batch of {} has no deviation", score.numel());
    const Tensor values = score.detach();
    const real centre = mean(values).item();
    const real reach = as_real(options.clamp_width) * std::sqrt(var(values).item());
    const Tensor kept = clamp(score, centre - reach, centre + reach);
    const Tensor mu = mean(kept), biased = var(kept, {}, false, 0);
    normal = (kept - mu) / sqrt(biased + as_real(options.eps));
    const double n = static_cast<double>(score.numel()), m = options.momentum;
    running.mean = (1 - m) * running.mean + m * static_cast<double>(mu.item());
    running.var = (1 - m) * running.var + m * static_cast<double>(biased.item()) * n / (n - 1);
  } else {
    normal = (score - as_real(running.mean)) / as_real(std::sqrt(running.var + options.eps));
  }
  MixingWeight result;
  result.gamma = normal * as_real(options.gamma_scale) + as_real(options.gamma_bias);
  result.alpha = sigmoid(result.gamma);
  if (!training) result.alpha = result.alpha * as_real(options.alpha_scale) + as_real(options.alpha_bias);
  return result;
}

Tensor composite_loss(const Tensor& logits, const IntTensor& labels, const Tensor& gamma,
                      const Tensor& attacked, const Tensor& weight, const CompositeLossOptions& options) {
  if (!(gamma.shape() == attacked.shape()) || !(gamma.shape() == weight.shape()) ||
      !(gamma.shape() == labels.shape()))
    fail<ShapeError>("composite_loss: labels {}, gamma {}, attacked {}, weight {}", labels.shape().str(),
                     gamma.shape().str(), attacked.shape().str(), weight.shape().str());
  const Tensor b = bce_with_logits(gamma, attacked, Reduction::kNone);
  const Tensor c = cross_entropy(logits, labels, Reduction::kNone);
  return mean(weight * (b * static_cast<real>(options.bce) + c * static_cast<real>(options.ce) +
                        b * c * static_cast<real>(options.prod)));
}

Tensor attack_loss(const Tensor& logits, const IntTensor& labels, const Tensor& gamma,
                   double detector_weight) {
  const Tensor fooled = cross_entropy(logits, labels) * static_cast<real>(1 - detector_weight);
  if (detector_weight == 0) return fooled;
  return fooled + bce_with_logits(gamma, Tensor::ones(gamma.shape())) * static_cast<real>(detector_weight);
}

CertifiedMargin certified_margin(const Tensor& prob_rob, const IntTensor& labels, const Tensor& alpha) {
  if (prob_rob.rank() != 2 || prob_rob.dim(1) < 2 || !(labels.shape() == Shape{prob_rob.dim(0)}) ||
      !(alpha.shape() == labels.shape()))
    fail<ShapeError>("certified_margin: prob_rob {}, labels {}, alpha {}", prob_rob.shape().str(),
                     labels.shape().str(), alpha.shape().str());
  const int64 rows = prob_rob.dim(0), classes = prob_rob.dim(1);
  CertifiedMargin result{Tensor({rows}), Tensor({rows}), IntTensor({rows})};
  for (int64 i = 0; i < rows; ++i) {
    const int64 y = labels[i];
    if (y < 0 || y >= classes)
      fail<DataError>("certified_margin: label {} of row {}, expected 0..{}", y, i, classes - 1);
    const real* p = prob_rob.data() + i * classes;
    real other = -std::numeric_limits<real>::infinity();
    for (int64 k = 0; k < classes; ++k)
      if (k != y) other = std::max(other, p[k]);
    const real a = alpha.data()[i], margin = p[y] - other, required = (1 - a) / a;
    result.margin.mutable_data()[i] = margin;
    result.required.mutable_data()[i] = required;
    result.certified.mutable_data()[i] = a >= real(0.5) && margin >= required;
  }
  return result;
}

}  // namespace gradus
