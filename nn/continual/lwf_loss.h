// Learning without forgetting: cross-entropy on what is new, and the old network's logits as targets for old classes.
//
// Paper: Li, Hoiem, "Learning without Forgetting", ECCV 2016, arXiv 1606.09282.
//   L = CE(o, y) + lwf_lambda*D,  D = KD(o[:, old], q; T), times T^2 with scale_t2      (KD: nn/continual/foster_loss.h)
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct LwfOptions {
  double temperature = 2, lwf_lambda = 1;
  bool scale_t2 = false;
  void visit(auto&& f) {
    f("temperature", temperature, "logits are divided by it before they are compared", positive());
    f("lwf_lambda", lwf_lambda, "weight of the distillation", at_least(0));
    f("scale_t2", scale_t2, "times the square of the temperature");
  }
};
struct LwfLoss {
  Tensor total, cross_entropy, distillation;
};
/// logits (N,K), old_logits (N,K0), K0 <= K, labels (N). Throws ShapeError.
LwfLoss lwf_loss(const Tensor& logits, const Tensor& old_logits, const IntTensor& labels,
                 const LwfOptions& options);
/// D alone.
Tensor lwf_distillation(const Tensor& logits, const Tensor& old_logits, const LwfOptions& options);

}  // namespace gradus
