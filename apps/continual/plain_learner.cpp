#include "apps/continual/plain_learner.h"

#include <algorithm>
#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/continual/task_mask.h"
#include "optim/methods/reference_projection.h"

namespace gradus {

std::string PlainOptions::optim() const {
  return fmt::format("sgd:lr={},momentum={},weight_decay={}", lr, momentum, weight_decay);
}

PlainTask::PlainTask(FeatureMap features, PlainOptions options)
    : features_(std::move(features)), o_(std::move(options)), descent_(o_.optim(), {}) {}

void PlainTask::begin(const LinearHeadNetwork& start, int64 old_classes, int64 steps) {
  before_ = start;
  old_classes_ = old_classes;
  steps_ = steps;
  descent_ = Descent(o_.optim(), start.all());
}

Tensor PlainTask::logits(std::span<const Tensor> p, const Tensor& x) const {
  const size_t parts = p.size() - 2;
  return linear(features_(p.first(parts), x), p[parts], p[parts + 1]);
}

double PlainTask::step(const LabelledRows& batch, int64 s, const std::vector<int64>& groups,
                       const ElasticWeights* springs, const LabelledRows* reference) {
  const Recording on(true);
  const std::vector<Tensor> p = descent_.values();
  const Tensor z = logits(p, batch.x);
  Tensor loss = competing_loss(z, batch.y, groups);
  Tensor old;
  if (o_.method == "lwf" && o_.lwf.lwf_lambda > 0 && old_classes_ > 0) {
    const Tensor whole = network_logits(features_, before_, batch.x);
    const Recording off(false);
    old = slice(whole, 1, 0, old_classes_);
  }
  if (old.defined()) loss = loss + lwf_distillation(z, old, o_.lwf) * static_cast<real>(o_.lwf.lwf_lambda);
  if (springs && springs->memories() > 0) loss = loss + springs->penalty(p);
  const double value = checked_loss(static_cast<double>(loss.item()), o_.method.c_str());
  std::vector<Tensor> grads = grad(loss, p);
  if (reference && reference->x.defined()) {
    const std::vector<Tensor> back = grad(competing_loss(logits(p, reference->x), reference->y, groups), p);
    grads = unflatten(reference_projection(flatten_all(grads), flatten_all(back)).gradient, p);
  }
  descent_.step(grads, o_.schedule == "cosine" ? half_cosine(s, steps_) : 1);
  return value;
}

void PlainTask::state(const StateArchive& archive) {
  archive_network(archive.below("before"), before_);
  archive("old_classes", old_classes_);
  archive("steps", steps_);
  descent_.state(archive.below("descent"));
}

int64 GrowingNetwork::grow(const ContinualTask& task, const Rng& rng) {
  if (task.index == 0) {
    net = fresh_perceptron(sizes_.inputs, sizes_.hidden, sizes_.width, task.classes, rng.fork("start"));
    return 0;
  }
  const int64 old = net.fc.weight.dim(0);
  if (task.classes > old)
    net.fc = expanded_classifier(
        net.fc, fresh_classifier(task.classes, sizes_.width, task_rng(rng, task.index).fork("head")), false);
  return old;
}

std::vector<std::pair<std::string, Tensor>> GrowingNetwork::weights() const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (size_t i = 0; i < net.extractor.size(); ++i)
    out.emplace_back(fmt::format("fc{}.{}", i / 2 + 1, i % 2 == 0 ? "weight" : "bias"), net.extractor[i]);
  out.emplace_back("head.weight", net.fc.weight);
  out.emplace_back("head.bias", net.fc.bias);
  return out;
}

PlainLearner::PlainLearner(const PlainOptions& options, const NetworkSizes& sizes)
    : o_(options),
      features_(perceptron_features),
      network_(sizes),
      task_(features_, options),
      springs_(options.elastic) {}

PlainLearner::PlainLearner(const PlainOptions& options, FeatureMap features, const LinearHeadNetwork& start)
    : o_(options),
      features_(std::move(features)),
      own_(true),
      network_(NetworkSizes{}),
      task_(features_, options),
      springs_(options.elastic) {
  network_.net = start;
}

LabelledRows PlainLearner::rows(const ContinualTask& task) const {
  if (o_.method == "joint") return task.seen();
  return o_.method == "replay" ? joined_rows(task.rows, memory_.rows()) : task.rows;
}

void PlainLearner::begin(const ContinualTask& task, int64 steps, const Rng& rng) {
  const int64 old = own_ ? 0 : network_.grow(task, rng);
  task_.begin(network_.net, old, steps);
}

double PlainLearner::step(const ContinualTask& task, const LabelledRows& batch, int64 s) {
  const bool ewc = o_.method == "ewc", agem = o_.method == "agem";
  LabelledRows reference;
  if (agem && memory_.rows().x.defined())
    reference = batch_in_order(memory_.rows(), std::max<int64>(1, o_.reference_rows), s);
  return task_.step(batch, s, task.groups, ewc ? &springs_ : nullptr, agem ? &reference : nullptr);
}

void PlainLearner::end(const ContinualTask& task, const Rng& rng) {
  network_.net = task_.network();
  if (o_.method == "ewc") {
    const int64 all = task.rows.x.dim(0), rows = o_.fisher_rows > 0 ? std::min(all, o_.fisher_rows) : all;
    std::vector<Tensor> params;
    for (const Tensor& t : network_.net.all()) params.push_back(variable(t));
    const size_t parts = params.size() - 2;
    springs_.remember(
        params,
        diagonal_fisher(
            [&](int64 begin, int64 end) {
              const Tensor z = linear(features_(std::span(params).first(parts), task.rows.x.rows(begin, end)),
                                      params[parts], params[parts + 1]);
              return task.groups.empty() ? z
                                         : task_masked(z, task.first_class, task.classes - task.first_class);
            },
            params, task.rows.y.rows(0, rows), o_.elastic.fisher));
  }
  if (!keeps_exemplars()) return;
  if (o_.selection == "reservoir")
    memory_.sample(task.rows, o_.memory, task_rng(rng, task.index).fork("reservoir"));
  else
    memory_.herd(task.rows, task.classes, o_.memory,
                 [&](const Tensor& x) { return features_(network_.net.extractor, x); });
}

void PlainLearner::state(const StateArchive& archive) {
  archive_network(archive.below("network"), network_.net);
  task_.state(archive.below("task"));
  springs_.state(archive.below("springs"));
  memory_.state(archive.below("memory"));
}

}  // namespace gradus
