#include "nn/sharpness/normalize_logits.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"

namespace gradus {

Tensor normalize_logits(const Tensor& logits) {
  const Tensor centred = logits - mean(logits, {-1}, true);
  return centred / maximum(norm(centred, {-1}, true), Tensor::scalar(real(1e-10)));
}

}  // namespace gradus
