// The forms in which predictions are written: a table, an object a line, an array.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// What a model says of one example.
struct Prediction {
  std::string file;
  std::optional<int64> row;  ///< of a file of many
  std::vector<double>
      values;        ///< probabilities of classes or next tokens; numbers of a regression; a reconstruction
  double error = 0;  ///< of an autoencoder: mean squared error of the reconstruction
};

/// What the numbers of a prediction mean.
struct PredictionKind {
  Task task;
  DatasetInfo info;

  bool of_classes() const { return task == Task::kClassification || task == Task::kLanguageModel; }
  /// The class or token `k` by name.
  std::string name(int64 k) const;
  /// The most likely classes, at most `top`; of equals the first.
  std::vector<int64> likely(const Prediction& p, int64 top) const;
};

/// Takes predictions in order; what it was given is in the file once commit() has returned, and not before: a file that was there
/// stays whole until then, and for good where nothing is committed.
class PredictionWriter {
 public:
  virtual ~PredictionWriter() = default;
  virtual void add(const Prediction& prediction) = 0;
  virtual void commit() = 0;

  /// NAME.csv: file, row, class, probability and a column p_CLASS each (of a regression prediction_0, ...; of an autoencoder its
  /// error). NAME.jsonl: the same, an object a line. NAME.npy: the numbers alone (N,C), for reconstructions (N,D), in the order of
  /// the files without those that were passed over. Throws UsageError for another name, DataError where it cannot be written.
  static std::unique_ptr<PredictionWriter> open(const std::string& path, const PredictionKind& kind);
};
/// Throws UsageError for a name that open() would refuse.
void check_predictions_path(const std::string& path);

}  // namespace gradus
