#include "apps/continual/projected_tasks.h"

#include <algorithm>
#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "core/linalg.h"
#include "nn/continual/scaled_weight.h"
#include "optim/elements.h"

namespace gradus {
namespace {

// Logits, and where asked for what each layer reads.
Tensor chain_of(const std::vector<Tensor>& weights, Tensor x, std::vector<Tensor>* inputs = nullptr) {
  for (size_t l = 0; l < weights.size(); ++l) {
    if (l > 0) x = relu(x);
    if (inputs) inputs->push_back(x);
    x = matmul(x, weights[l], false, true);
  }
  return x;
}

std::vector<Tensor> as_variables(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> all;
  for (const Tensor& t : tensors) all.push_back(variable(t));
  return all;
}

std::vector<Tensor> effective(const std::vector<Tensor>& w, const std::vector<Tensor>& s,
                              const std::vector<Tensor>& q) {
  std::vector<Tensor> all;
  for (size_t l = 0; l < w.size(); ++l) all.push_back(scaled_weight(w[l], s[l], q[l]));
  return all;
}

// Q with an identity block behind its own.
Tensor grown_scale(const Tensor& scale, int64 more) {
  const int64 before = scale.dim(0), now = before + more;
  Tensor out = linalg::identity(now);
  for (int64 i = 0; i < before; ++i)
    std::copy_n(scale.data() + i * before, before, out.mutable_data() + i * now);
  return out;
}

void descend(Tensor& w, const Tensor& g, double lr) {
  for_each_element(w, g, [rate = static_cast<real>(lr)](real& p, real d) { p -= rate * d; });
}

}  // namespace

ProjectedTasks::ProjectedTasks(const std::vector<Tensor>& weights, const ProjectedOptions& options)
    : o_(options) {
  if (weights.empty()) fail<UsageError>("projected tasks: a network without layers");
  for (const Tensor& w : weights) {
    weights_.push_back(w.clone());
    memory_.emplace_back(Shape{w.dim(1), 0});
  }
}

LabelledRows ProjectedTasks::sample_of(const LabelledRows& rows) const {
  const int64 count = o_.samples > 0 ? std::min(o_.samples, rows.x.dim(0)) : rows.x.dim(0);
  return {rows.x.rows(0, count), rows.y.rows(0, count)};
}

double ProjectedTasks::step(const LabelledRows& batch, const std::vector<int64>& groups) {
  const Recording on(true);
  const std::vector<Tensor> w = as_variables(weights_), q = as_variables(relaxed_.scale);
  Tensor loss = competing_loss(chain_of(effective(w, relaxed_.space, q), batch.x), batch.y, groups);
  std::vector<Tensor> wanted = w;
  for (const Tensor& scale : q)
    if (scale.numel() > 0) {
      loss = loss + scale_penalty(scale) * static_cast<real>(o_.penalty_weight);
      wanted.push_back(scale);
    }
  losses_.push_back(static_cast<double>(loss.item()));
  if (!std::isfinite(losses_.back())) fail<NumericError>("projected tasks: a loss of {}", losses_.back());
  const std::vector<Tensor> grads = grad(loss, wanted);
  for (size_t l = 0; l < weights_.size(); ++l)
    descend(weights_[l], projected_gradient(grads[l], memory_[l]), lr_);
  size_t next = weights_.size();
  for (Tensor& scale : relaxed_.scale)
    if (scale.numel() > 0) descend(scale, grads[next++], lr_);
  return losses_.back();
}

bool ProjectedTasks::search(const TaskRows& task) {
  const Recording on(true);
  Relaxed& relaxed = relaxed_;
  const LabelledRows sample = sample_of(task.rows);
  const std::vector<Tensor> w = as_variables(weights_);
  const std::vector<Tensor> grads = grad(
      competing_loss(chain_of(effective(w, relaxed.space, relaxed.scale), sample.x), sample.y, task.groups),
      w);
  bool moved = false;
  for (size_t l = 0; l < w.size(); ++l) {
    const RelaxingSearch found = relaxing_search(grads[l], relaxed.rest[l], o_.search);
    if (found.space.dim(1) == 0) continue;
    moved = true;
    relaxed.space[l] = joined_columns(relaxed.space[l], found.space);
    relaxed.scale[l] = grown_scale(relaxed.scale[l], found.space.dim(1));
    relaxed.rest[l] = found.rest;
  }
  return moved;
}

void ProjectedTasks::begin() {
  losses_.clear();
  relaxed_ = {};
  for (const Tensor& m : memory_) {
    relaxed_.space.emplace_back(Shape{m.dim(0), 0});
    relaxed_.scale.emplace_back(Shape{0, 0});
    relaxed_.rest.push_back(m.clone());
  }
  lr_ = o_.lr;
  up_ = tasks_ > 0 && o_.method == "rogo";
}

void ProjectedTasks::end_epoch(const TaskRows& task) {
  if (up_) up_ = search(task);
  if (up_) lr_ /= o_.lr_factor;
}

std::vector<Tensor> ProjectedTasks::effective_weights() const {
  const Recording off(false);
  return relaxed_.space.empty() ? weights_ : effective(weights_, relaxed_.space, relaxed_.scale);
}

void ProjectedTasks::end(const TaskRows& task) {
  const Recording off(false);
  space_sizes_.clear();
  const std::vector<Tensor> folded = effective_weights();
  for (size_t l = 0; l < weights_.size(); ++l) {
    space_sizes_.push_back(relaxed_.space[l].dim(1));
    weights_[l] = folded[l].detach().clone();
  }
  relaxed_ = {};
  if (o_.method != "sgd") {
    std::vector<Tensor> inputs;
    chain_of(weights_, sample_of(task.rows).x, &inputs);
    for (size_t l = 0; l < inputs.size(); ++l)
      memory_[l] = grown_memory(linalg::transpose(inputs[l]), memory_[l],
                                {.threshold = o_.threshold, .first_task = tasks_ == 0});
  }
  ++tasks_;
}

void ProjectedTasks::learn(const TaskRows& task) {
  const int64 n = task.rows.x.dim(0), each = (n + o_.batch_size - 1) / o_.batch_size;
  begin();
  for (int64 e = 0; e < o_.epochs; ++e) {
    for (int64 s = 0; s < each; ++s) step(batch_in_order(task.rows, o_.batch_size, s), task.groups);
    end_epoch(task);
  }
  end(task);
}

void ProjectedTasks::state(const StateArchive& archive) {
  archive("weights", weights_);
  archive("memory", memory_);
  archive("space_sizes", space_sizes_);
  archive("space", relaxed_.space);
  archive("scale", relaxed_.scale);
  archive("rest", relaxed_.rest);
  archive("lr", lr_);
  archive("up", up_);
  archive("tasks", tasks_);
}

Tensor ProjectedTasks::logits(const Tensor& x) const {
  const Recording off(false);
  return chain_of(effective_weights(), x);
}

}  // namespace gradus
