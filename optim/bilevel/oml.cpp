#include "optim/bilevel/oml.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

void check_layers(std::span<const Tensor> params) {
  if (params.size() < 2 || params.size() % 2)
    fail<ShapeError>("oml: {} tensors are no pairs of weight and bias", params.size());
}

// Of every batch, in one pass: the representation is the same throughout the loop.
Tensors features_of(std::span<const Tensor> params, const Tensors& stream) {
  if (stream.empty()) return {};
  std::vector<int64> sizes;
  for (const Tensor& x : stream) sizes.push_back(x.dim(0));
  return split(OmlNetwork::represent(params, concat(stream, 0)), 0, sizes);
}

}  // namespace

Tensor OmlNetwork::represent(std::span<const Tensor> params, const Tensor& x) {
  check_layers(params);
  Tensor h = x;
  for (size_t i = 0; i + 2 < params.size(); i += 2) h = relu(linear(h, params[i], params[i + 1]));
  return h;
}

Tensor OmlNetwork::predict(std::span<const Tensor> last, const Tensor& h) {
  return linear(h, last[0], last[1]);
}

OmlGradient oml_meta_gradient(std::span<const Tensor> params, const OmlData& data, const InnerLoop& options) {
  check_layers(params);
  OmlGradient out;
  const Function meta_loss = [&](std::span<const Tensor> all) {
    const Tensors features = features_of(all, data.stream);
    const Tensor meta = OmlNetwork::represent(all, data.meta);
    const std::span<const Tensor> last = all.last(2);
    out.first_loss = static_cast<double>(data.loss(OmlNetwork::predict(last, meta), kMetaBatch).item());
    const Tensors fast = inner_descent(
        [&](std::span<const Tensor> w, int64 k) {
          return data.loss(OmlNetwork::predict(w, features[static_cast<size_t>(k)]), k);
        },
        last, std::ssize(features), options);
    out.fast = {stop_gradient(fast[0]), stop_gradient(fast[1])};
    return data.loss(OmlNetwork::predict(fast, meta), kMetaBatch);
  };
  ValueAndGrad at = value_and_grad(meta_loss, params, {.allow_unused = true});
  out.meta_loss = static_cast<double>(at.value.item());
  out.grads = std::move(at.grads);
  return out;
}

Tensor with_fresh_rows(const Tensor& weight, const IntTensor& classes, const Tensor& fresh) {
  if (weight.rank() != 2 || !(fresh.shape() == Shape({classes.numel(), weight.dim(1)})))
    fail<ShapeError>("with_fresh_rows: rows {} for {} classes of a weight {}", fresh.shape().str(),
                     classes.numel(), weight.shape().str());
  Tensor out = weight.clone();
  const int64 h = weight.dim(1);
  for (int64 r = 0; r < classes.numel(); ++r) {
    if (classes[r] < 0 || classes[r] >= weight.dim(0))
      fail<DataError>("with_fresh_rows: class {} of {}", classes[r], weight.dim(0));
    std::copy_n(fresh.data() + r * h, h, out.mutable_data() + classes[r] * h);
  }
  return out;
}

Tensors learn_online(std::span<const Tensor> params, const OmlData& data, double lr) {
  check_layers(params);
  const Recording off(false);
  Tensors last{stop_gradient(params[params.size() - 2]), stop_gradient(params[params.size() - 1])};
  const Tensors features = features_of(params, data.stream);
  return inner_descent(
      [&](std::span<const Tensor> w, int64 k) {
        return data.loss(OmlNetwork::predict(w, features[static_cast<size_t>(k)]), k);
      },
      last, std::ssize(features), {.lr = lr, .second_order = false});
}

}  // namespace gradus
