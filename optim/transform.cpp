#include "optim/transform.h"

namespace gradus {

Tensor own_gradient(Parameter& p) {
  // The engine may hand one tensor to two parameters (x + b1 + b2): scaling it in place would scale both.
  if (p.grad.storage()->ref_count() > 1) p.grad = p.grad.clone();
  return p.grad.detach();
}

}  // namespace gradus
