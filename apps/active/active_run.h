// The loop of active learning: rounds of labels chosen from a pool, a model trained afresh on all of them behind each.
//
// Randomness is keyed (seed, purpose, round): a result does not depend on where a run was cut. What is interrupted in the middle of a
// round begins this round again.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/active/config.h"
#include "apps/active/strategy.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "apps/train/run_dir.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

/// One round.
struct ActiveRow {
  int64 round = 0;   ///< 1, 2, ...
  int64 labels = 0;  ///< asked for so far
  double train_loss = 0, test_loss = 0, test_accuracy = 0;
  double test_recall = 0;  ///< mean over classes: balanced accuracy
  int64 rarest = 0;        ///< labels so far of the class with the fewest
  double seconds = 0;      ///< spent so far
};
nlohmann::ordered_json active_row_json(const ActiveRow& row);
ActiveRow active_row_from(const nlohmann::json& json);
std::string active_csv_header();
std::string active_csv(const ActiveRow& row);

/// An example of the pool that was labelled.
struct LabelledExample {
  int64 round = 0, index = 0, label = 0;
  std::string arm;
};

/// Probabilities and what the last layer reads, of all examples, in evaluation mode. Nothing if it was stopped.
struct PoolOutputs {
  Tensor preds, embeddings;  ///< (N,C), (N,D)
};
std::optional<PoolOutputs> pool_outputs(Model& model, const DatasetPtr& pool,
                                        const std::function<bool()>& stop = nullptr);

class ActiveRun {
 public:
  /// Opens the data, builds model and strategy. Throws what these throw, and UsageError for data without labels, a model that is no
  /// classifier and a budget beyond the pool; nothing is written yet.
  explicit ActiveRun(const ActiveConfig& config);
  /// The same with data that are open already.
  ActiveRun(const ActiveConfig& config, Data data);

  /// One round. False if `stop`, asked between steps, ended it before: all is as before the round.
  bool advance(const std::function<bool()>& stop = nullptr);
  bool done() const { return std::ssize(rows_) >= config_.rounds; }
  /// All rounds, from `run`'s checkpoint if it has one, writing into it. False if `stop` ended it before (all is saved then).
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  void restore(const RunDirectory& run);

  const std::vector<ActiveRow>& rows() const { return rows_; }
  /// In the order in which they were asked for.
  const std::vector<LabelledExample>& labelled() const { return labelled_; }
  Model& model() { return *model_; }
  const QueryStrategy& strategy() const { return *strategy_; }
  const Dataset& pool() const { return *data_.train; }
  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out) const;

 private:
  std::vector<LabelQuery> choose(int64 round, const PoolView* view);
  void save(const RunDirectory& run);
  void write_pages(const RunDirectory& run) const;
  std::vector<std::vector<int64>> by_round() const;

  ActiveConfig config_;
  Data data_;
  Rng rng_;
  std::unique_ptr<Model> model_;  // of the last round
  StrategyPtr strategy_;
  std::vector<LabelledExample> labelled_;
  std::vector<ActiveRow> rows_;
};

}  // namespace gradus
