#include "optim/estimators/local_layer.h"

#include "autograd/functional/functional.h"

namespace gradus {

std::vector<Tensor> LocalLayer::pull_back(const Tensor& x, const Tensor& cotangent) const {
  const Tensor input = stop_gradient(x);
  return vjp([&](std::span<const Tensor> p) { return function(p, input); }, params, cotangent,
             {.allow_unused = true})
      .grads;
}

}  // namespace gradus
