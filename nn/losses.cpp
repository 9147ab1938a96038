#include "nn/losses.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

Tensor reduce(const Tensor& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::kMean:
      return mean(losses);
    case Reduction::kSum:
      return sum(losses);
    case Reduction::kNone:
      break;
  }
  return losses;
}

void check_same(const char* loss, const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()))
    fail<ShapeError>("{}: shapes {} and {} differ", loss, a.shape().str(), b.shape().str());
}

void check_rows(const char* loss, const Tensor& x) {
  if (x.rank() != 2) fail<ShapeError>("{}: needs rows (N,D), got {}", loss, x.shape().str());
}

// log p, and 0 where p = 0 (so that p log p is 0 there).
Tensor safe_log(const Tensor& p) {
  Tensor out(p.shape());
  for (int64 i = 0; i < p.numel(); ++i) out.mutable_data()[i] = p.data()[i] > 0 ? std::log(p.data()[i]) : 0;
  return out;
}

}  // namespace

Tensor bce_with_logits(const Tensor& logits, const Tensor& targets, Reduction reduction) {
  check_same("bce_with_logits", logits, targets);
  return reduce(softplus(logits) - targets * logits, reduction);
}

Tensor l1_loss(const Tensor& a, const Tensor& b, Reduction reduction) {
  check_same("l1_loss", a, b);
  return reduce(abs(a - b), reduction);
}

Tensor huber_loss(const Tensor& a, const Tensor& b, real delta, Reduction reduction) {
  check_same("huber_loss", a, b);
  if (!(delta > 0)) fail<UsageError>("huber_loss: delta = {} must be > 0", delta);
  // With m = min(|d|, delta): m (|d| - m/2) is both branches at once.
  const Tensor d = abs(a - b), m = clamp(d, 0, delta);
  return reduce(m * (d - real(0.5) * m), reduction);
}

Tensor kl_loss(const Tensor& log_q, const Tensor& p, Reduction reduction) {
  check_same("kl_loss", log_q, p);
  check_rows("kl_loss", p);
  const Tensor log_p = requires_grad(p) ? log(p) : safe_log(p);
  return reduce(sum(mul_or_zero(p, log_p - log_q), {1}), reduction);
}

Tensor distillation_loss(const Tensor& student, const Tensor& teacher, real temperature,
                         Reduction reduction) {
  if (!(temperature > 0)) fail<UsageError>("distillation_loss: temperature = {} must be > 0", temperature);
  const Tensor p = softmax(stop_gradient(teacher) / temperature);
  return kl_loss(log_softmax(student / temperature), p, reduction) * (temperature * temperature);
}

Tensor hinge_loss(const Tensor& logits, const IntTensor& labels, real margin, Reduction reduction) {
  check_rows("hinge_loss", logits);
  const int64 n = logits.dim(0), classes = logits.dim(1);
  if (labels.numel() != n)
    fail<ShapeError>("hinge_loss: {} labels for logits {}", labels.numel(), logits.shape().str());
  Tensor others = Tensor::ones(logits.shape());
  for (int64 i = 0; i < n; ++i) {
    if (labels[i] < 0 || labels[i] >= classes)
      fail<DataError>("hinge_loss: label {} is not in 0..{}", labels[i], classes - 1);
    others.mutable_data()[i * classes + labels[i]] = 0;
  }
  const Tensor own = gather(logits, 1, labels.view({n, 1}));  // (N,1)
  const Tensor violation = mul_or_zero(others, relu(logits - own + margin));
  return reduce(sum(violation, {1}) / static_cast<real>(classes), reduction);
}

Tensor triplet_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative, real margin,
                    Reduction reduction) {
  check_rows("triplet_loss", anchor);
  check_same("triplet_loss", anchor, positive);
  check_same("triplet_loss", anchor, negative);
  return reduce(relu(norm(anchor - positive, {1}) - norm(anchor - negative, {1}) + margin), reduction);
}

Tensor zero_one_loss(const Tensor& logits, const IntTensor& labels) {
  check_rows("zero_one_loss", logits);
  if (labels.rank() != 1 || labels.dim(0) != logits.dim(0))
    fail<ShapeError>("zero_one_loss: logits {}, labels {}", logits.shape().str(), labels.shape().str());
  const IntTensor found = argmax(logits, 1);
  Tensor losses(labels.shape());
  real* to = losses.mutable_data();
  for (int64 n = 0; n < labels.numel(); ++n) to[n] = found[n] != labels[n] ? 1 : 0;
  return losses;
}

Tensor normalise_rows(const Tensor& x, real eps) {
  check_rows("normalise_rows", x);
  return x / maximum(norm(x, {1}, true), Tensor::scalar(eps));
}

Tensor info_nce(const Tensor& a, const Tensor& b, real temperature, Reduction reduction) {
  check_same("info_nce", a, b);
  if (!(temperature > 0)) fail<UsageError>("info_nce: temperature = {} must be > 0", temperature);
  const Tensor logits = matmul(normalise_rows(a), normalise_rows(b), false, true) / temperature;
  return cross_entropy(logits, IntTensor::arange(a.dim(0)), reduction);
}

}  // namespace gradus
