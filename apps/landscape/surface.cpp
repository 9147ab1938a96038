#include "apps/landscape/surface.h"

#include <algorithm>
#include <cmath>

#include "apps/train/evaluate.h"
#include "nn/modes.h"

namespace gradus {
namespace {

// to += c*x, in double.
void add_share(double c, const Tensor& x, Tensor& to) {
  real* out = to.mutable_data();
  for (int64 i = 0; i < x.numel(); ++i)
    out[i] = static_cast<real>(static_cast<double>(out[i]) + c * static_cast<double>(x.data()[i]));
}

}  // namespace

Surface::Surface(Model& model, const DatasetPtr& data, int64 limit, int64 batch_size)
    : model_(model), parameters_(model.parameters()) {
  for (const ParameterPtr& p : parameters_) weights_.push_back(p->value.clone());
  evaluate(model, data,
           {.batch_size = batch_size, .limit = limit, .each = [&](const Batch& batch, const Tensor& output) {
              check_outputs(batch, output);
              batches_.push_back(batch);
              examples_ += batch.size();
            }});
}

double Surface::loss(std::span<const Tensor> w) const {
  const ModeScope evaluation(model_, false);
  const Recording off(false);
  const ParameterSwap swap(model_, w);
  double sum = 0;
  for (const Batch& b : batches_)
    sum += static_cast<double>(b.size()) *
           static_cast<double>(loss_of(model_.task(), model_(input_of(b)), b).item());
  return sum / static_cast<double>(examples_);
}

Tensors Surface::hessian_times(std::span<const Tensor> v) const {
  const ModeScope evaluation(model_, false);
  Tensors product;
  for (const Tensor& w : weights_) product.push_back(Tensor::zeros(w.shape()));
  for (const Batch& b : batches_) {
    const Function f = [&](std::span<const Tensor> w) {
      return loss_of(model_.task(), functional_call(model_, w, input_of(b)), b);
    };
    const Tensors part = hvp(f, weights_, v, {.allow_unused = true}).products;
    const double share = static_cast<double>(b.size()) / static_cast<double>(examples_);
    for (size_t i = 0; i < product.size(); ++i) add_share(share, part[i], product[i]);
  }
  return product;
}

std::vector<BatchFunction> Surface::batches_of(int64 size) const {
  std::vector<BatchFunction> out;
  for (const Batch& whole : batches_)
    for (int64 from = 0; from < whole.size(); from += size) {
      const Batch part = rows_of(whole, from, std::min(from + size, whole.size()));
      out.push_back([this, part](std::span<const Tensor> w) {
        const ModeScope evaluation(model_, false);
        const Tensor output = functional_call(model_, w, input_of(part));
        const Tensor loss = loss_of(model_.task(), output, part);
        return BatchScore{
            loss, 1 - score_of(model_.task(), output, part, static_cast<double>(loss.item())).accuracy()};
      });
    }
  return out;
}

}  // namespace gradus
