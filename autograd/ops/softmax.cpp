// Softmax, log-softmax and the losses of classification and regression.
#include "core/kernels/softmax.h"

#include <cmath>

#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/nn_ops.h"
#include "core/kernels/elementwise.h"

namespace gradus {
namespace {

Tensor along_last(const Tensor& x, int axis, Tensor (*f)(const Tensor&)) {
  const int a = x.shape().axis(axis);
  return a == x.rank() - 1 ? f(x) : transpose(f(transpose(x, a, -1)), a, -1);
}

Tensor log_softmax_composite(const Tensor& x) { return x - logsumexp(x, {-1}, true); }

// Fused passes over rows; the composites serve forward mode and higher orders.
const Primitive kSoftmax{
    .name = "softmax",
    .forward = [](const Ctx& c) { return kernels::softmax(c[0]); },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{kernels::softmax_grad(g, c.out())}; },
    .composite = [](const Ctx& c) { return exp(log_softmax_composite(c[0])); },
    .saves = kSaveOutput};
const Primitive kLogSoftmax{
    .name = "log_softmax",
    .forward = [](const Ctx& c) { return kernels::log_softmax(c[0]); },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{kernels::log_softmax_grad(g, c.out())}; },
    .composite = [](const Ctx& c) { return log_softmax_composite(c[0]); },
    .saves = kSaveOutput};

struct CrossEntropy {
  IntTensor labels;
  real smoothing;
};
// Losses (N) of logits (N,C).
const Primitive kCrossEntropy{
    .name = "cross_entropy",
    .forward =
        [](const Ctx& c) {
          const auto& a = c.attr<CrossEntropy>();
          Tensor lse;
          Tensor losses = kernels::cross_entropy_rows(c[0], a.labels, a.smoothing, &lse);
          c.keep(std::move(lse));
          return losses;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const auto& a = c.attr<CrossEntropy>();
          return Grads{kernels::cross_entropy_rows_grad(g, c[0], a.labels, a.smoothing, c.kept(0))};
        },
    .composite =
        [](const Ctx& c) {
          const auto& [labels, smoothing] = c.attr<CrossEntropy>();
          const int64 n = labels.numel();
          const Tensor log_p = log_softmax_composite(c[0]);
          const Tensor losses = neg(reshape(gather(log_p, 1, labels.view({n, 1})), Shape{n}));
          if (smoothing == 0) return losses;
          return (1 - smoothing) * losses - smoothing * mean(log_p, {1});
        }};

Tensor softmax_last(const Tensor& x) { return apply(kSoftmax, {x}); }
Tensor log_softmax_last(const Tensor& x) { return apply(kLogSoftmax, {x}); }

Tensor reduce(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::kMean:
      return mean(losses);
    case Reduction::kSum:
      return sum(losses);
    case Reduction::kNone:
      return losses;
  }
  return losses;
}

void check_labels(const Tensor& logits, const IntTensor& labels) {
  if (logits.rank() != 2 || labels.rank() != 1 || labels.dim(0) != logits.dim(0))
    fail<ShapeError>("cross_entropy: logits {} with labels {}", logits.shape().str(), labels.shape().str());
  for (int64 y : labels.span())
    if (y < 0 || y >= logits.dim(1))
      fail<DataError>("cross_entropy: label {} is not one of {} classes", y, logits.dim(1));
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) { return along_last(x, axis, softmax_last); }
Tensor log_softmax(const Tensor& x, int axis) { return along_last(x, axis, log_softmax_last); }

Tensor cross_entropy(const Tensor& logits, const IntTensor& labels, Reduction reduction, real label_smoothing,
                     const Tensor& sample_weights) {
  check_labels(logits, labels);
  const Tensor losses = apply(kCrossEntropy, {logits}, Attr::of(CrossEntropy{labels, label_smoothing}));
  if (!sample_weights.defined()) return reduce(losses, reduction);
  if (!(sample_weights.shape() == losses.shape()))
    fail<ShapeError>("cross_entropy: sample weights {} for {} samples", sample_weights.shape().str(),
                     labels.numel());
  const Tensor weighted = losses * sample_weights;
  return reduction == Reduction::kMean ? sum(weighted) / sum(sample_weights) : reduce(weighted, reduction);
}

Tensor soft_cross_entropy(const Tensor& logits, const Tensor& targets, Reduction reduction) {
  if (logits.rank() != 2 || !(logits.shape() == targets.shape()))
    fail<ShapeError>("soft_cross_entropy: logits {} with targets {}", logits.shape().str(),
                     targets.shape().str());
  return reduce(neg(sum(targets * log_softmax(logits, -1), {1})), reduction);
}

Tensor mse_loss(const Tensor& a, const Tensor& b, Reduction reduction) {
  return reduce(square(a - b), reduction);
}

Tensor dropout(const Tensor& x, real p, Rng& rng) {
  if (!(p >= 0 && p < 1)) fail<UsageError>("dropout: p = {} is not in [0, 1)", p);
  if (p == 0) return x;
  const Tensor keep = rng.bernoulli_tensor(x.shape(), 1 - static_cast<double>(p));
  return x * kernels::map(keep, [scale = 1 / (1 - p)](real k) { return k * scale; });
}

PrimitiveList softmax_primitives() { return {&kSoftmax, &kLogSoftmax, &kCrossEntropy}; }

}  // namespace gradus
