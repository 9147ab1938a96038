#include "nn/local/classifier_head.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

ClassifierHead::ClassifierHead(int64 channels, int64 classes, int64 kernel)
    : conv_(add<Conv2d>("conv", channels, channels, kernel, ConvOptions{.pad = kernel / 2})),
      norm_(add<LayerNorm>("norm", channels)),
      fc_(add<Linear>("fc", channels, classes)) {
  if (kernel % 2 == 0) fail<UsageError>("classifier head: kernel {} has no middle", kernel);
}

Tensor ClassifierHead::forward(const Input& z) {
  const Tensor places = permute(conv_(z), {0, 2, 3, 1});  // (N,H,W,C)
  return fc_(mean(relu(norm_(places)), {1, 2}));
}

}  // namespace gradus
