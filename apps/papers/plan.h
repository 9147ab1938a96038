// The runs of an experiment, each with everything that decides it, and the refusals that make a comparison fair.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "apps/papers/experiment.h"

namespace gradus {

/// What the command says beside the paper's file.
struct PlanOptions {
  std::optional<int64> seeds;  ///< of the final runs; else the experiment's
  int64 first_seed = 0;
  bool quick = false;
  int threads = 1;       ///< of each run
  std::string data_dir;  ///< as --data-dir
  std::string folder;    ///< of the experiment
};

/// One run: a trial of tuning, or a final one.
struct RunSpec {
  std::string paper, arm;
  int64 trial = -1;  ///< -1: final
  int64 seed = 0;
  bool quick = false;
  bool function = false;
  TrainConfig config;  ///< of a training run, seed and threads included
  OptionList options;  ///< of a function
  int threads = 1;

  bool tuning() const { return trial >= 0; }
  /// "adam, trial 2, seed 1000000000".
  std::string label() const;
  /// Everything that decides the outcome, in order; the place of the data is not part of it.
  nlohmann::ordered_json identity() const;
};

struct PlannedArm {
  const Arm* arm;
  std::string setting;
  TrainConfig config;              ///< of a training run, without what is tuned
  OptionList options;              ///< of a function
  std::vector<OptionList> trials;  ///< (key, value) of every dimension; empty: nothing to tune
  bool is_function() const { return static_cast<bool>(arm->function()); }
};

class Plan {
 public:
  /// Throws UsageError where the comparison would not be fair or makes no sense: arms with different numbers of trials,
  /// an arm without tuning beside tuned ones that does not say why, fewer than three seeds (unless quick), training that
  /// looks at the test set (early stopping, plateau), claims over arms that are not there, no central claim, unknown keys.
  /// The experiment must outlive the plan.
  Plan(std::string paper, const Experiment& experiment, const PlanOptions& options);

  const std::string& paper() const { return paper_; }
  const Experiment& experiment() const { return experiment_; }
  const PlanOptions& options() const { return options_; }
  const std::vector<PlannedArm>& arms() const { return arms_; }
  const std::vector<int64>& seeds() const { return seeds_; }
  /// Disjoint from seeds(), whatever the first one is.
  const std::vector<int64>& tuning_seeds() const { return tuning_seeds_; }
  /// Runs if nothing is done yet.
  int64 run_count() const;

  RunSpec tuning_run(size_t arm, size_t trial, int64 seed) const;
  /// `chosen`: the options of the trial that won, or nothing.
  RunSpec final_run(size_t arm, const OptionList& chosen, int64 seed) const;

 private:
  RunSpec run(size_t arm, const OptionList& tuned, int64 seed) const;
  void check_fairness() const;

  std::string paper_;
  const Experiment& experiment_;
  PlanOptions options_;
  std::vector<PlannedArm> arms_;
  std::vector<int64> seeds_, tuning_seeds_;
};

/// What looks at the test set in training has no place in a paper's runs: throws UsageError naming the arm.
void refuse_looking(const std::string& arm, const TrainConfig& config);

/// "sam(sgd:lr=1)" with lr = 0.1: the outermost optimizer that has the option gets it. Throws UsageError if none has.
std::string with_option(const std::string& optim, const std::string& key, const std::string& value);
/// A tuned key set in a training run: "optim.KEY", a key of TrainConfig, or an option of its optimizer.
void set_tuned(TrainConfig& config, const std::string& key, const std::string& value);

}  // namespace gradus
