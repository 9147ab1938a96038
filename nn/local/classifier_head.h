// A block's own classifier, in place of its goodness: the looser reading of forward-forward that it is compared with.
//   logits = linear(mean over (H,W) of relu(channel_norm(conv(z))));  loss: cross-entropy;  prediction: mean of the blocks' logits
// channel_norm: layer norm over the channels of each place. Kernel 5 and "same" padding.
#pragma once

#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"

namespace gradus {

/// (N, channels, H, W) -> (N, classes).
class ClassifierHead : public Module {
 public:
  /// Throws UsageError for an even kernel.
  ClassifierHead(int64 channels, int64 classes, int64 kernel = 5);
  Tensor forward(const Input& z) override;
  std::string describe() const override { return "ClassifierHead"; }

 private:
  Conv2d& conv_;
  LayerNorm& norm_;
  Linear& fc_;
};

}  // namespace gradus
