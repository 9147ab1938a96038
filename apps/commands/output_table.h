// What a model puts out for every example of a set, and the forms it is written in (eval --logits).
#pragma once

#include <string>
#include <vector>

#include "data/batch.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// Throws UsageError unless the path ends in .safetensors, .npz, .npy or .csv, DataError if its folder does not exist.
void check_outputs_path(const std::string& path);

class OutputTable {
 public:
  /// Outputs of a regression are written in the units of its targets.
  OutputTable(Task task, const DatasetInfo& info)
      : in_units_of_(task == Task::kRegression ? &info : nullptr) {}
  void add(const Batch& batch, const Tensor& output);
  /// NAME.safetensors or NAME.npz: arrays "logits" (N,...) and, of labelled data, "labels"; NAME.npy: the logits alone;
  /// NAME.csv: a row an example (or token), columns logit_0, logit_1, ... and label.
  void write(const std::string& path) const;

 private:
  const DatasetInfo* in_units_of_;
  std::vector<real> values_;
  std::vector<int64> labels_, dims_, label_dims_;
};

}  // namespace gradus
