#include "nn/layers/linear_adapter.h"

namespace gradus {

Tensor LinearAdapter::forward(const Input&) {
  fail<UsageError>("adapter: is called through its layer, not by itself");
}

void LinearAdapter::merge(Tensor weight) {
  kept_ = weight.clone();
  weight.copy_from(merged_weight(weight).detach());
  active = false;
}

void LinearAdapter::unmerge(Tensor weight) {
  weight.copy_from(kept_);
  kept_ = {};
  active = true;
}

}  // namespace gradus
