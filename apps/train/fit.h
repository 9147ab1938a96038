// Training as a library: a model of one's own (or of the registry) on data that are open, with every setting of `gradus train`.
//
//   const Data data = open_data("digits");
//   MyModel model(data_shape(data.info()));
//   model.initialise(Rng(0));
//   const FitResult result = fit(model, data, {.optim = "adamw:lr=1e-3", .epochs = 3});
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/train/config.h"
#include "apps/train/run_dir.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// How a fit is called, as opposed to what it is (TrainConfig).
struct FitOptions {
  std::string
      out;  ///< directory of the run: metrics, weights, checkpoints; one that has a checkpoint goes on. "": none
  bool quiet = true;  ///< no progress on stderr
  /// After every step, with its number (from 1) and loss; false ends the training.
  std::function<bool(int64 step, double loss)> on_step = nullptr;
  /// After every evaluation.
  std::function<void(const MetricsRow&)> on_row = nullptr;
};

struct FitResult {
  int64 steps = 0;
  bool ended = false;            ///< trained to its end; false: on_step or a signal stopped it
  std::vector<MetricsRow> rows;  ///< of the evaluations
  /// Of the weights at the end, on data.test; the accuracy is NaN where nothing has labels.
  double test_loss = 0, test_accuracy = 0;
};

/// Trains `model`, whose weights are where it starts, on data.train; data.test is scored. What `config` says of data and model does
/// not count. Throws UsageError for settings that contradict each other, NumericError if training diverges.
FitResult fit(Model& model, const Data& data, TrainConfig config, const FitOptions& options = {});

}  // namespace gradus
