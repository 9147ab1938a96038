#include "nn/layers/container.h"

#include "autograd/ops/shape_ops.h"

namespace gradus {

Tensor Sequential::forward(const Input& x) {
  if (children().empty()) return x.values();
  Tensor y = (*children().front().module)(x);
  for (size_t i = 1; i < children().size(); ++i) y = (*children()[i].module)(std::move(y));
  return y;
}

Tensor Flatten::forward(const Input& x) { return flatten(x.values(), 1); }

}  // namespace gradus
