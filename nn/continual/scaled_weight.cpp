#include "nn/continual/scaled_weight.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/linalg.h"

namespace gradus {

Tensor scaled_weight(const Tensor& weight, const Tensor& space, const Tensor& scale) {
  if (weight.rank() != 2 || space.rank() != 2 || space.dim(0) != weight.dim(1) ||
      scale.shape() != Shape{space.dim(1), space.dim(1)})
    fail<ShapeError>("scaled weight: a weight {} with a space {} and a scale {}", weight.shape().str(),
                     space.shape().str(), scale.shape().str());
  if (space.dim(1) == 0) return weight;
  const Tensor change = scale - linalg::identity(scale.dim(0));
  return weight + matmul(matmul(matmul(weight, space), change), space, false, true);
}

Tensor scale_penalty(const Tensor& scale) {
  if (scale.numel() == 0) return Tensor::zeros({});
  return sum(square(scale - linalg::identity(scale.dim(0))));
}

}  // namespace gradus
