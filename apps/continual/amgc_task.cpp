#include "apps/continual/amgc_task.h"

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/continual/amarx.h"

namespace gradus {
namespace {

std::string sgd_spec(const AmgcOptions& o, double weight_decay) {
  return fmt::format("sgd:lr={},momentum={},weight_decay={}", o.lr, o.momentum, weight_decay);
}

}  // namespace

AmgcTask::AmgcTask(FeatureMap features, const AmgcOptions& options)
    : features_(std::move(features)),
      o_(options),
      extractor_(sgd_spec(options, options.weight_decay), {}),
      classifier_(sgd_spec(options, 0), {}) {}

void AmgcTask::begin(const AmgcStart& start) {
  const int64 old = start.old_means.dim(0);
  if (start.new_covariances.rank() != 3 || old + start.new_covariances.dim(0) != start.weight.dim(0))
    fail<ShapeError>("amgc: {} old classes and new covariances {} for a weight {}", old,
                     start.new_covariances.shape().str(), start.weight.shape().str());
  old_means_ = start.old_means;
  new_covariances_ = start.new_covariances.clone();
  extractor_ = Descent(sgd_spec(o_, o_.weight_decay), start.extractor);
  classifier_ = Descent(sgd_spec(o_, 0), std::vector<Tensor>{start.weight, start.bias});
  first_.clear();
  for (const Tensor& p : start.extractor) first_.push_back(p.clone());
  old_covariances_ =
      enlarged_covariances(start.old_covariances, IntTensor::full({old}, 1), o_.ve_lambda, false);
}

void AmgcTask::state(const StateArchive& archive) {
  archive("first", first_);
  archive("old_means", old_means_);
  archive("old_covariances", old_covariances_);
  archive("new_covariances", new_covariances_);
  extractor_.state(archive.below("extractor"));
  classifier_.state(archive.below("classifier"));
}

// Mean over old classes and the new ones present.
Tensor AmgcTask::class_loss(const Tensor& f, const IntTensor& labels, const Tensor& weight,
                            const Tensor& bias) {
  const int64 old = old_means_.dim(0), classes = weight.dim(0), d = f.dim(1);
  std::vector<std::vector<int64>> members(static_cast<size_t>(classes));
  for (int64 i = 0; i < labels.numel(); ++i) {
    if (labels[i] < old || labels[i] >= classes)
      fail<DataError>("amgc: label {} in a task of the classes {}..{}", labels[i], old, classes - 1);
    members[static_cast<size_t>(labels[i])].push_back(i);
  }
  std::vector<Tensor> losses;
  if (old > 0)
    losses.push_back(amarx_terms(weight, bias, old_means_, old_covariances_, IntTensor::arange(old)).losses);
  for (int64 c = old; c < classes; ++c) {
    const std::vector<int64>& rows = members[static_cast<size_t>(c)];
    if (rows.empty()) continue;
    const int64 count = std::ssize(rows);
    const Tensor own = index_select(f, 0, IntTensor::from({count}, rows));
    if (o_.new_term == "per_sample") {
      losses.push_back(reshape(cross_entropy(linear(own, weight, bias), IntTensor::full({count}, c)), {1}));
      continue;
    }
    Tensor sigma = new_covariances_.rows(c - old, c - old + 1);  // (1,d,d), shared storage
    if (count >= 2) {
      const Tensor fresh = class_statistics(own.detach(), IntTensor::full({count}, 0), 1, 0).covariances;
      for (int64 i = 0; i < d * d; ++i)
        sigma.mutable_data()[i] = static_cast<real>(o_.ema * static_cast<double>(sigma.data()[i]) +
                                                    (1 - o_.ema) * static_cast<double>(fresh.data()[i]));
    }
    losses.push_back(
        amarx_terms(weight, bias, mean(own, {0}, true), sigma.clone(), IntTensor::full({1}, c)).losses);
  }
  return mean(concat(losses, 0));
}

AmgcTask::Losses AmgcTask::step(const LabelledRows& batch, double lr_scale) {
  const Recording on(true);
  const std::vector<Tensor> theta = extractor_.values(), head = classifier_.values();
  const Tensor f = features_(theta, batch.x);
  const Tensor classes = class_loss(f, batch.y, head[0], head[1]);
  Tensor loss = classes;
  if (o_.kd > 0) {
    Tensor before;
    {
      const Recording off(false);
      before = features_(first_, batch.x);
    }
    loss = loss + sum(square(f - before)) * static_cast<real>(o_.kd / static_cast<double>(f.dim(0)));
  }
  const Losses losses{static_cast<double>(loss.item()), static_cast<double>(classes.item())};
  if (!std::isfinite(losses.total)) fail<NumericError>("amgc: a loss of {}", losses.total);
  std::vector<Tensor> all = theta;
  all.insert(all.end(), head.begin(), head.end());
  const std::vector<Tensor> grads = grad(loss, all);
  extractor_.step(std::span(grads).first(theta.size()), lr_scale);
  classifier_.step(std::span(grads).last(2), lr_scale);
  return losses;
}

}  // namespace gradus
