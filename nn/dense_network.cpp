#include "nn/dense_network.h"

#include "autograd/ops/matmul.h"

namespace gradus {

Tensor dense_network(std::span<const Tensor> params, const Activation& act, const Tensor& x) {
  if (params.empty() || params.size() % 2)
    fail<ShapeError>("dense network: {} tensors are no pairs of weight and bias", params.size());
  Tensor h = x;
  for (size_t i = 0; i < params.size(); i += 2) {
    h = linear(h, params[i], params[i + 1]);
    if (i + 2 < params.size()) h = act.function(h);
  }
  return h;
}

}  // namespace gradus
