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
#include "nn/continual/task_mask.h"
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

Tensor task_loss_of(const Tensor& logits, const IntTensor& y, const TaskRows& task) {
  return task.class_count > 0 ? task_masked_loss(logits, y, task.first_class, task.class_count)
                              : cross_entropy(logits, y);
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

void ProjectedTasks::epoch(const TaskRows& task, Relaxed& relaxed, double lr) {
  const int64 rows = task.rows.x.dim(0);
  for (int64 from = 0; from < rows; from += o_.batch_size) {
    const int64 to = std::min(rows, from + o_.batch_size);
    const std::vector<Tensor> w = as_variables(weights_), q = as_variables(relaxed.scale);
    Tensor loss = task_loss_of(chain_of(effective(w, relaxed.space, q), task.rows.x.rows(from, to)),
                               task.rows.y.rows(from, to), task);
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
      descend(weights_[l], projected_gradient(grads[l], memory_[l]), lr);
    size_t next = weights_.size();
    for (Tensor& scale : relaxed.scale)
      if (scale.numel() > 0) descend(scale, grads[next++], lr);
  }
}

bool ProjectedTasks::search(const TaskRows& task, Relaxed& relaxed) const {
  const LabelledRows sample = sample_of(task.rows);
  const std::vector<Tensor> w = as_variables(weights_);
  const std::vector<Tensor> grads =
      grad(task_loss_of(chain_of(effective(w, relaxed.space, relaxed.scale), sample.x), sample.y, task), w);
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

void ProjectedTasks::learn(const TaskRows& task) {
  const Recording on(true);
  losses_.clear();
  Relaxed relaxed;
  for (const Tensor& m : memory_) {
    relaxed.space.emplace_back(Shape{m.dim(0), 0});
    relaxed.scale.emplace_back(Shape{0, 0});
    relaxed.rest.push_back(m.clone());
  }
  double lr = o_.lr;
  bool up = tasks_ > 0 && o_.method == "rogo";
  for (int64 e = 0; e < o_.epochs; ++e) {
    epoch(task, relaxed, lr);
    if (up) up = search(task, relaxed);
    if (up) lr /= o_.lr_factor;
  }
  space_sizes_.clear();
  for (size_t l = 0; l < weights_.size(); ++l) {
    space_sizes_.push_back(relaxed.space[l].dim(1));
    weights_[l] = scaled_weight(weights_[l], relaxed.space[l], relaxed.scale[l]).clone();
  }
  if (o_.method != "sgd") {
    std::vector<Tensor> inputs;
    const Recording off(false);
    chain_of(weights_, sample_of(task.rows).x, &inputs);
    for (size_t l = 0; l < inputs.size(); ++l)
      memory_[l] = grown_memory(linalg::transpose(inputs[l]), memory_[l],
                                {.threshold = o_.threshold, .first_task = tasks_ == 0});
  }
  ++tasks_;
}

Tensor ProjectedTasks::logits(const Tensor& x) const {
  const Recording off(false);
  return chain_of(weights_, x);
}

}  // namespace gradus
