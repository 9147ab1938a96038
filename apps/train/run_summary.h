// What a run has come to, by the files in its directory alone: finished, stopped or still going on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/train/config.h"
#include "apps/train/run_dir.h"

namespace gradus {

struct RunSummary {
  std::string path;
  TrainConfig config;
  std::vector<MetricsRow> rows;          ///< as metrics.jsonl has them
  std::optional<MetricsRow> last, best;  ///< best: where best.safetensors was written
  bool by_accuracy = false;              ///< there are test accuracies
  /// What best is chosen by: the name of a measure (scores.h), as --metric has it or, with "auto", meant.
  std::string metric = "loss";
  bool validated = false;  ///< on examples held out from training, not on the test set
  bool finished = false;   ///< there is a model.safetensors
};

/// Throws DataError for a directory that is no run, and for damaged files, naming file and line. A last line that was cut off
/// is left out, as when the run goes on.
RunSummary summarize(const std::string& path);

/// The step with its norms L1 and L2, a row each, of a run with --log-grad-norms; else nothing.
struct GradNormRow {
  double step, l1, l2;
};
std::vector<GradNormRow> read_grad_norms(const std::string& path);

/// Settings that are not those of a run that nobody said anything about, as the flags of `gradus train` have them: key, text.
OptionList changed_settings(const TrainConfig& config);
/// The line that starts the same run: "gradus train --data mnist --optim 'adam:lr=1e-3'", quoted for a shell.
std::string train_line(const TrainConfig& config);

/// Settings in which the runs differ, with the text each run has. Where files lie and how often they are written is none.
struct DifferingSetting {
  std::string key;
  std::vector<std::string> values;
};
std::vector<DifferingSetting> differing_settings(const std::vector<RunSummary>& runs);

}  // namespace gradus
