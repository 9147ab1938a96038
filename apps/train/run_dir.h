// The directory of a run:
//   config.json             the settings; --config takes it back
//   metrics.csv, .jsonl     a row an evaluation
//   batch_sizes.csv         with --batch-size adaptive: step, examples seen before it, batch size, size the test asked for
//   selection.csv           with --select: step, examples of the batch, kept of them, largest loss that was
//   grad_norms.csv          with --log-grad-norms: step, L1 and L2 norm of the batch's gradient
//   model.safetensors       the trained weights at the end (best.safetensors: where the test score was best)
//   adapter/                with --adapter: the adapter and the last layer alone, in PEFT's form (nn/adapters/adapter_file.h)
//   checkpoint.safetensors  everything needed to continue bit for bit
#pragma once

#include <limits>
#include <string>

#include "apps/train/config.h"

namespace gradus {

/// One row of the metrics; NaN where there is no value.
struct MetricsRow {
  int64 step = 0;
  double epoch = 0;  ///< passes over the training set, 1.5 in the middle of the second
  double lr = std::numeric_limits<double>::quiet_NaN();
  double train_loss = lr, train_accuracy = lr;  ///< means over the steps since the row before
  double test_loss = lr, test_accuracy = lr;
  double validation_loss = lr, validation_accuracy = lr;  ///< of the examples held out
  double score = lr;   ///< of --metric, on what decides which weights are best
  double seconds = 0;  ///< spent in training steps
};

/// A path that a run would write at its end (--save) must be writable now, not after hours. Throws DataError.
void check_save_path(const std::string& path);

class RunDirectory {
 public:
  /// Makes the directory and writes config.json. An empty path stands for "runs/" and `default_name`, with -2,
  /// -3, ... behind it where that exists. Throws UsageError if there is a run already, DataError if it cannot be
  /// written.
  static RunDirectory create(const std::string& path, const std::string& default_name,
                             const TrainConfig& config);
  /// Takes back what create() made, where a run came to nothing: it has no checkpoint and no row of metrics. So a start
  /// that failed does not stand in the way of the next one.
  void discard() const;
  /// The same for another command than `train`: its settings, and the header of its metrics.csv.
  static RunDirectory create(const std::string& path, const std::string& default_name,
                             const std::string& command, const nlohmann::ordered_json& settings,
                             const std::string& csv_header);
  /// An existing run. Throws DataError if there is no readable config.json.
  static RunDirectory open(const std::string& path);
  /// No directory: nothing of the run is written.
  static RunDirectory none() { return RunDirectory(""); }
  bool is_none() const { return path_.empty(); }

  const std::string& path() const { return path_; }
  std::string file(const char* name) const { return path_ + "/" + name; }
  std::string checkpoint() const { return file("checkpoint.safetensors"); }
  /// config.json as it is. Throws DataError if it is no JSON object.
  nlohmann::json settings() const;
  /// The settings but for the line that names the command. Throws UsageError if the run is another command's.
  nlohmann::json settings_of(const std::string& command) const;
  void write_settings(const std::string& command, const nlohmann::ordered_json& settings) const;
  /// What was trained on, whatever the command. Throws DataError if the settings do not say.
  std::string data() const;
  /// Where the data lie, "" where the settings do not say.
  std::string data_dir() const;
  bool has_checkpoint() const;
  TrainConfig config() const;
  void write_config(const TrainConfig& config) const;

  /// Adds a row to both files. Throws DataError (disk full).
  void append(const MetricsRow& row) const;
  /// A row of another command's metrics: `csv` without the line's end, `row` the same by name.
  void append(const std::string& csv, const nlohmann::ordered_json& row) const;
  /// Drops the rows of another command's metrics, counted by `unit` ("round"), behind the first `last`.
  void truncate_metrics(const std::string& csv_header, const std::string& unit, int64 last) const;
  /// Adds a line to batch_sizes.csv; an empty field for a size that was not tested.
  void append_batch_size(int64 step, int64 examples, int64 size, const std::string& wanted) const;
  /// Adds a line to selection.csv.
  void append_selection(int64 step, int64 examples, int64 kept, double threshold) const;
  /// Adds a line to grad_norms.csv.
  void append_grad_norms(int64 step, double l1, double l2) const;
  /// Drops the rows behind `step`, also a last row that was cut off.
  void truncate_metrics(int64 step) const;

 private:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace gradus
