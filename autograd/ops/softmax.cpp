// Softmax, log-softmax and the losses of classification and regression.
#include "core/kernels/softmax.h"

#include <cmath>

#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/nn_ops.h"

namespace gradus {
namespace {

Tensor along_last(const Tensor& x, int axis, Tensor (*f)(const Tensor&)) {
  const int a = x.shape().axis(axis);
  if (x.dim(a) == 0) fail<ShapeError>("softmax: no elements along axis {} of {}", a, x.shape().str());
  return a == x.rank() - 1 ? f(x) : transpose(f(transpose(x, a, -1)), a, -1);
}

// p = softmax(x): the Jacobian diag(p) - p p' is symmetric, so one product serves vjp and jvp.
Tensor softmax_product(const Ctx& c, const Tensor& t) {
  const Tensor& p = c.out();
  if (!differentiated(t) && !differentiated(p)) return kernels::softmax_grad(t, p);
  return mul_or_zero(t - sum(mul_or_zero(t, p), {-1}, true), p);
}
const Primitive kSoftmax{.name = "softmax",
                         .forward = [](const Ctx& c) { return kernels::softmax(c[0]); },
                         .vjp = [](const Ctx& c, const Tensor& g) { return Grads{softmax_product(c, g)}; },
                         .jvp = [](const Ctx& c, int, const Tensor& t) { return softmax_product(c, t); },
                         .saves = kSaveOutput};

// y = x - lse, so dy = t - sum(p t) and dx = g - p sum(g) with p = exp(y).
const Primitive kLogSoftmax{
    .name = "log_softmax",
    .forward = [](const Ctx& c) { return kernels::log_softmax(c[0]); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const Tensor& y = c.out();
          if (!differentiated(g) && !differentiated(y)) return Grads{kernels::log_softmax_grad(g, y)};
          return Grads{g - mul_or_zero(sum(g, {-1}, true), exp(y))};
        },
    .jvp = [](const Ctx& c, int,
              const Tensor& t) { return t - sum(mul_or_zero(t, exp(c.out())), {-1}, true); },
    .saves = kSaveOutput};

// One loss a row of logits: -log p[label], mixed with the mean over classes by label smoothing.
struct Labelled {
  IntTensor labels;
  real smoothing;
};
Tensor cross_entropy_composite(const Ctx& c) {
  const auto& [labels, smoothing] = c.attr<Labelled>();
  const Tensor log_p = log_softmax(c[0], -1);
  const Tensor hit = reshape(gather(log_p, 1, labels.view({labels.numel(), 1})), {labels.numel()});
  return smoothing == 0 ? neg(hit) : (smoothing - 1) * hit - smoothing * mean(log_p, {1});
}
const Primitive kCrossEntropy{
    .name = "cross_entropy",
    .forward =
        [](const Ctx& c) {
          const auto& a = c.attr<Labelled>();
          Tensor lse;
          Tensor y = kernels::cross_entropy_rows(c[0], a.labels, a.smoothing, c.recording() ? &lse : nullptr);
          if (c.recording()) c.keep(lse);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const auto& a = c.attr<Labelled>();
          return Grads{kernels::cross_entropy_rows_grad(g, c[0], a.labels, a.smoothing, c.kept(0))};
        },
    .composite = cross_entropy_composite,
    .saves = save_input(0)};

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

Tensor softmax(const Tensor& x, int axis) {
  return along_last(x, axis, [](const Tensor& t) { return apply(kSoftmax, {t}); });
}
Tensor log_softmax(const Tensor& x, int axis) {
  return along_last(x, axis, [](const Tensor& t) { return apply(kLogSoftmax, {t}); });
}

Tensor cross_entropy(const Tensor& logits, const IntTensor& labels, Reduction reduction, real label_smoothing,
                     const Tensor& sample_weights) {
  check_labels(logits, labels);
  const Tensor losses =
      apply(kCrossEntropy, {logits}, Attr::of(Labelled{own_ints(labels, logits), label_smoothing}));
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
  return reduce(neg(sum(mul_or_zero(targets, log_softmax(logits, -1)), {1})), reduction);
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
