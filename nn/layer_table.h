// What a model is made of: one line a layer, for `gradus model show` and reports.
#pragma once

#include <string>
#include <vector>

#include "nn/model.h"

namespace gradus {

struct LayerRow {
  std::string name;   ///< path below the root
  std::string layer;  ///< "Conv2d(3, 16, 3, pad=1)"
  Shape output;       ///< of a batch of one
  int64 parameters;   ///< of this layer alone; a shared parameter counts where it comes first
  int64 flops;        ///< of one forward pass of one sample: two a multiply-add
};

struct LayerTable {
  std::vector<LayerRow> rows;  ///< in the order of the calls
  int64 parameters = 0, trainable = 0, flops = 0;
  /// Aligned columns with a line of totals.
  std::string str() const;
};

/// Runs the model once on its example (evaluation mode, nothing recorded). Layers without parameters and work
/// of their own are left out.
LayerTable layer_table(Model& model);

/// 1234567 -> "1.23M".
std::string short_number(int64 n);

}  // namespace gradus
