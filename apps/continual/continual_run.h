// A run of continual learning in a run directory: the loop of stream_training.h with settings, checkpoints, metrics and pictures.
//
//   metrics.csv, .jsonl   a row a task
//   matrix.csv            the accuracy matrix, row i behind task i
//   matrix.svg, curve.svg the same as a map, and as curves over the tasks
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/continual/config.h"
#include "apps/continual/learners.h"
#include "apps/continual/stream_training.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "apps/train/run_dir.h"
#include "data/dataset.h"

namespace gradus {

/// One task; NaN where there is no value.
struct ContinualRow {
  int64 task = 0;   ///< 1, 2, ...
  int64 steps = 0;  ///< made on it
  double train_loss = 0, average_accuracy = 0, task_accuracy = 0, forgetting = 0;
  double drift_accuracy = 0;  ///< on the drifting stream behind it
  double seconds = 0;         ///< spent so far
};
std::string continual_csv_header();

class ContinualRun {
 public:
  /// Opens the data, makes tasks and learner. Throws what these throw; nothing is written yet.
  explicit ContinualRun(const ContinualConfig& config);
  /// The same with data that are open already.
  ContinualRun(const ContinualConfig& config, const Data& data);

  /// One piece of work (StreamTraining::advance). False where all is done.
  bool advance();
  bool done() const { return training_.done(); }
  /// To the end, from `run`'s checkpoint if it has one, writing into it. False if `stop`, asked between steps, ended it before (all is
  /// saved then).
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  void restore(const RunDirectory& run);

  const StreamTraining& training() const { return training_; }
  const ContinualLearner& learner() const { return *learner_; }
  const std::vector<ContinualRow>& rows() const { return rows_; }
  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out) const;

 private:
  void save(const RunDirectory& run);
  void show(Progress& progress) const;
  void write_pages(const RunDirectory& run) const;
  void save_learner(const std::string& path) const;
  double forward_transfer() const;

  ContinualConfig config_;
  TaskSequence tasks_;
  LearnerPtr learner_;
  StreamTraining training_;
  std::vector<ContinualRow> rows_;
  double seconds_ = 0;
};

}  // namespace gradus
