#include "apps/continual/rsgs.h"

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/continual/prototypes.h"
#include "optim/elements.h"
#include "optim/methods/gap_direction.h"

namespace gradus {
namespace {

int64 count_of(const IntTensor& keep) {
  int64 count = 0;
  for (const int64 k : keep.span()) count += k != 0;
  return count;
}

std::vector<Tensor> leaves_of(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> all;
  for (const Tensor& t : tensors) all.push_back(variable(t));
  return all;
}

}  // namespace

Rsgs::Rsgs(FeatureMap features, const std::vector<Tensor>& lambda, const Tensor& prototypes,
           const RsgsOptions& options)
    : features_(std::move(features)), o_(options) {
  for (const Tensor& t : lambda) {
    lambda_.push_back(t.clone());
    start_.push_back(t.clone());
  }
  const Recording off(false);
  prototypes_ = normalised_rows(prototypes);
}

void Rsgs::state(const StateArchive& archive) {
  archive("lambda", lambda_);
  archive("start", start_);
  archive("prototypes", prototypes_);
  archive("buf", buf_);
  archive("ema", ema_);
}

Tensor Rsgs::unit_features(std::span<const Tensor> lambda, const Tensor& x) const {
  return normalised_rows(features_(lambda, x));
}

Tensor Rsgs::logits_of(const Tensor& unit) const {
  return matmul(unit, prototypes_, false, true) * static_cast<real>(o_.logit_scale);
}

Rsgs::Batch Rsgs::adapt(const Tensor& x) {
  const Recording on(true);
  Batch out;
  const std::vector<Tensor> at = leaves_of(lambda_);
  const Tensor unit = unit_features(at, x), z = logits_of(unit), h = softmax_entropy(z);
  out.predictions = argmax(z.detach(), 1);
  out.entropy = static_cast<double>(mean(h.detach()).item());
  if (!std::isfinite(out.entropy)) fail<NumericError>("adaptation: an entropy of {}", out.entropy);
  const int64 classes = prototypes_.dim(0);
  const IntTensor keep1 =
      o_.use_filter ? reliable_rows(h, classes, o_.e0_factor) : IntTensor::full(h.shape(), 1);
  out.reliable = count_of(keep1);
  if (out.reliable == 0) return out;

  const std::vector<Tensor> g = grad(mean_of_kept(h, keep1), at);
  const double length = std::sqrt(inner(g, g));
  std::vector<Tensor> perturbed;  // a copy, so that nothing has to be taken back
  for (size_t i = 0; i < g.size(); ++i) {
    Tensor p = lambda_[i].clone();
    for_each_element(p, g[i],
                     [by = static_cast<real>(o_.rho / (length + 1e-12))](real& v, real d) { v += by * d; });
    perturbed.push_back(variable(p));
  }
  const Tensor h2 = softmax_entropy(logits_of(unit_features(perturbed, x)));
  IntTensor keep2 = reliable_rows(h2, classes, o_.e0_factor);
  for (int64 i = 0; i < keep2.numel(); ++i) keep2.mutable_data()[i] &= keep1[i];
  out.reliable_perturbed = count_of(keep2);
  if (out.reliable_perturbed > 0) {
    const Tensor loss = mean_of_kept(h2, keep2);
    const double value = static_cast<double>(loss.item());
    move(g, grad(loss, perturbed), value);
  }
  if (o_.refresh) refresh(unit.detach(), out.predictions, keep1);
  return out;
}

void Rsgs::move(const std::vector<Tensor>& g, const std::vector<Tensor>& g_p, double loss) {
  const Tensor d = gap_direction(flatten_all(g), flatten_all(g_p), o_.alpha).direction;
  if (!buf_)
    buf_ = d.clone();
  else
    for_each_element(buf_, d, [mu = static_cast<real>(o_.momentum)](real& b, real v) { b = mu * b + v; });
  const std::vector<Tensor> parts = unflatten(buf_, lambda_);
  for (size_t i = 0; i < lambda_.size(); ++i)
    for_each_element(lambda_[i], parts[i], [lr = static_cast<real>(o_.lr)](real& v, real b) { v -= lr * b; });
  ema_ = ema_ ? 0.9 * *ema_ + 0.1 * loss : loss;
  if (*ema_ < o_.reset_const) {
    for (size_t i = 0; i < lambda_.size(); ++i) lambda_[i] = start_[i].clone();
    buf_ = {};
    ema_.reset();
  }
}

void Rsgs::refresh(const Tensor& unit, const IntTensor& predictions, const IntTensor& keep) {
  const Recording off(false);
  const int64 e = prototypes_.dim(1);
  Tensor next = prototypes_.clone();
  for (int64 k = 0; k < next.dim(0); ++k) {
    std::vector<double> sum(static_cast<size_t>(e));
    double count = 0;
    for (int64 i = 0; i < keep.numel(); ++i) {
      if (keep[i] == 0 || predictions[i] != k) continue;
      ++count;
      for (int64 a = 0; a < e; ++a)
        sum[static_cast<size_t>(a)] += static_cast<double>(unit.data()[i * e + a]);
    }
    if (count == 0) continue;
    for (int64 a = 0; a < e; ++a) {
      real& p = next.mutable_data()[k * e + a];
      p = static_cast<real>(0.99 * static_cast<double>(p) + 0.01 * sum[static_cast<size_t>(a)] / count);
    }
    Tensor row = next.rows(k, k + 1);
    row.copy_from(normalised_rows(row));
  }
  prototypes_ = next;
}

}  // namespace gradus
