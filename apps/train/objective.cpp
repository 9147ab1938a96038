#include "apps/train/objective.h"

#include <cmath>
#include <optional>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/modes.h"
#include "optim/elements.h"

namespace gradus {

ModelObjective::ModelObjective(Model& model, const Parameters& parameters, std::vector<Batch> batches,
                               const LossOptions& options, SecondBatch second)
    : model_(model),
      parameters_(parameters),
      batches_(std::move(batches)),
      options_(options),
      draw_second_(std::move(second)),
      rng_(model.run().rng.state()) {
  for (const Batch& b : batches_) examples_ += b.size();
}

Needs ModelObjective::offers() const {
  return {.loss = true, .re_evaluation = true, .hvp = true, .second_batch = draw_second_ != nullptr};
}

void ModelObjective::evaluate(bool record, const std::function<void(const Tensor&, double)>& use) {
  const ModeScope training(model_, true);
  const Recording recording(record);
  std::optional<Reevaluation> again;
  const bool first = !std::exchange(evaluated_, true);
  if (!first) again.emplace(model_, rng_);
  for (const Batch& batch : batches_) {
    const Tensor output = model_(input_of(batch));
    const Tensor loss = loss_of(model_.task(), output, batch, options_.label_smoothing);
    if (first) score_ += score_of(model_.task(), output, batch, loss.item());
    use(loss, static_cast<double>(batch.size()) / static_cast<double>(examples_));
  }
}

std::vector<Tensor> ModelObjective::trained() const {
  std::vector<Tensor> values;
  for (const auto& p : parameters_)
    if (!p->frozen) values.push_back(p->value);
  return values;
}

double ModelObjective::loss() {
  double mean = 0;
  evaluate(false, [&](const Tensor& loss, double weight) { mean += weight * loss.item(); });
  return mean;
}

double ModelObjective::gradient() {
  const std::vector<Tensor> values = trained();
  std::vector<Tensor> sums(values.size());
  double mean = 0;
  evaluate(true, [&](const Tensor& loss, double weight) {
    const double value = loss.item();
    if (!std::isfinite(value)) fail<NumericError>("the loss is {}", value);
    mean += weight * value;
    std::vector<Tensor> grads = grad(loss, values, {.allow_unused = true});
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i].defined()) continue;
      if (batches_.size() == 1) {
        sums[i] = grads[i].detach();
        continue;
      }
      if (!sums[i].defined()) sums[i] = Tensor::zeros(grads[i].shape());
      for_each_element(sums[i], std::as_const(grads[i]),
                       [w = static_cast<real>(weight)](real& s, real g) { s += w * g; });
    }
  });
  size_t next = 0;
  for (const auto& p : parameters_) p->grad = p->frozen ? Tensor() : sums[next++];
  return mean;
}

std::vector<Tensor> ModelObjective::hvp(std::span<const Tensor> v) {
  const std::vector<Tensor> values = trained();
  std::vector<Tensor> product(parameters_.size());
  evaluate(true, [&](const Tensor& loss, double weight) {
    const std::vector<Tensor> g = grad(loss, values, {.create_graph = true, .allow_unused = true});
    std::vector<Tensor> ys, cotangents;
    size_t next = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i]->frozen) continue;
      const Tensor& gi = g[next++];
      if (!gi.defined() || !requires_grad(gi) || !v[i].defined()) continue;
      ys.push_back(gi);
      cotangents.push_back(v[i].detach());
    }
    std::vector<Tensor> h(values.size());
    if (!ys.empty()) h = grad(ys, values, cotangents, {.allow_unused = true});
    next = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i]->frozen) continue;
      const Tensor& hi = h[next++];
      if (!product[i].defined()) product[i] = Tensor::zeros(parameters_[i]->value.shape());
      if (hi.defined())
        for_each_element(product[i], hi, [w = static_cast<real>(weight)](real& s, real x) { s += w * x; });
    }
  });
  return product;
}

Objective& ModelObjective::second_batch() {
  if (!draw_second_) unsupported("a second independent batch");
  if (!second_) {
    std::vector<Batch> batches;
    batches.push_back(draw_second_());
    second_ = std::make_unique<ModelObjective>(model_, parameters_, std::move(batches), options_);
  }
  return *second_;
}

}  // namespace gradus
