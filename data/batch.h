// Batch: what a loader hands to the trainer.
#pragma once

#include "core/tensor.h"

namespace gradus {

/// A place in the stream of batches: the next batch to be handed out is number `batch` of epoch `epoch`.
struct DataPosition {
  int64 epoch = 0, batch = 0;
  bool operator==(const DataPosition&) const = default;
};

struct Batch {
  Tensor x;          ///< (B,C,H,W) normalised images, or (B,...) vectors; undefined for text
  IntTensor tokens;  ///< (B,T) text; undefined otherwise
  IntTensor y;       ///< (B) class labels, or (B,T) next tokens; undefined for real targets
  /// (B,classes) label distributions when a transform mixes examples (mixup, cutmix), or (B,D) real targets;
  /// else undefined. Where both are defined, y is the label of the example that weighs most.
  Tensor targets;
  IntTensor index;        ///< (B) index of each example in the data set; of text, where its window starts
  DataPosition position;  ///< of this batch
  int64 size() const { return index.defined() ? index.dim(0) : 0; }
};

}  // namespace gradus
