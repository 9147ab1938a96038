#include "nn/layers/layer_adapter.h"

#include "nn/batch_part.h"

namespace gradus {

Tensor LayerAdapter::forward(const Input&) {
  fail<UsageError>("adapter: is called through its layer, not by itself");
}

void LayerAdapter::merge(Tensor weight) {
  kept_ = weight.clone();
  weight.copy_from(merged_weight(weight).detach());
  active = false;
}

void LayerAdapter::unmerge(Tensor weight) {
  weight.copy_from(kept_);
  kept_ = {};
  active = true;
}

Tensor LayerAdapter::dropped(const Tensor& x, double rate) {
  return training() && rate > 0 ? dropout_of_batch(x, rate, run()) : x;
}

}  // namespace gradus
