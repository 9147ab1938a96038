// What a model must know of the data it will see; data sets report it, model builders read it.
#pragma once

#include "core/real.h"

namespace gradus {

/// Sizes of one sample and of the label set; 0 where a size does not apply. A row of features without image
/// structure has its features as `channels` and height = width = 1.
struct DataShape {
  int64 channels = 0, height = 0, width = 0;
  int64 classes = 0;     ///< labels are 0..classes-1
  int64 targets = 0;     ///< length of a sample's real target vector, where there are no labels
  int64 vocabulary = 0;  ///< token ids are 0..vocabulary-1
  /// Numbers in one sample.
  int64 features() const { return channels * height * width; }
  bool operator==(const DataShape&) const = default;
};

}  // namespace gradus
