#include "nn/continual/lwf_loss.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/continual/foster_loss.h"

namespace gradus {

Tensor lwf_distillation(const Tensor& logits, const Tensor& old_logits, const LwfOptions& o) {
  if (logits.rank() != 2 || old_logits.rank() != 2 || logits.dim(0) != old_logits.dim(0) ||
      old_logits.dim(1) > logits.dim(1))
    fail<ShapeError>("learning without forgetting: old logits {} for logits {}", old_logits.shape().str(),
                     logits.shape().str());
  const Tensor d = soft_target_loss(slice(logits, 1, 0, old_logits.dim(1)), old_logits, o.temperature);
  return o.scale_t2 ? d * static_cast<real>(o.temperature * o.temperature) : d;
}

LwfLoss lwf_loss(const Tensor& logits, const Tensor& old_logits, const IntTensor& labels,
                 const LwfOptions& o) {
  LwfLoss loss;
  loss.distillation = lwf_distillation(logits, old_logits, o);
  loss.cross_entropy = cross_entropy(logits, labels);
  loss.total = loss.cross_entropy + loss.distillation * static_cast<real>(o.lwf_lambda);
  return loss;
}

}  // namespace gradus
