// Training a language model on pairs of responses: `gradus train --data pairs:path=FILE.jsonl --loss dpo:beta=0.1`.
//
// The reference is the model as it starts, frozen; the run keeps it beside its checkpoint (reference.safetensors), so that a run
// goes on bit for bit. Order and held-out pairs are functions of the seed.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/train/interrupt.h"
#include "apps/train/run_dir.h"
#include "core/options.h"
#include "data/dataset.h"
#include "data/preference_pairs.h"
#include "nn/alignment/preference_losses.h"
#include "nn/model.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace gradus {

/// What a run is: those settings of `gradus train` that pairs know, under the same names, and the loss.
struct PreferenceConfig {
  std::string data, loss = "dpo", model, optim = "adamw:lr=1e-4", schedule = "constant";
  std::optional<int64> epochs, steps;
  int64 batch_size = 16;
  int64 seed = 0;
  int threads = 0;
  double validation = 0.1;
  std::optional<double> clip_norm;
  std::string init;
  std::optional<int64> save_every, eval_every;
  std::string save;

  void visit(auto&& f) {
    f("data", data, "pairs:path=FILE.jsonl, lines of prompt, chosen and rejected");
    f("loss", loss, "dpo[:beta=0.1,label_smoothing=0,reduction=sum]");
    f("model", model, "model of text; that of --init unless given");
    f("optim", optim, "optimizer, NAME[:key=value,...]");
    f("schedule", schedule, "factor on the step size, NAME[:key=value,...]");
    f("epochs", epochs, "passes over the pairs; 1 unless --steps is given", at_least(0));
    f("steps", steps, "optimizer steps, instead of --epochs", at_least(0));
    f("batch_size", batch_size, "pairs a step", at_least(1));
    f("seed", seed, "of initial weights, order and held-out pairs", at_least(0));
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("validation", validation, "part of the pairs that is held out and scored",
      Limits{.low = 0, .high = 1, .high_open = true});
    f("clip_norm", clip_norm, "largest norm of the gradient over all parameters", positive());
    f("init", init, "weights to start from, and the reference (safetensors, or the directory of a run)");
    f("save_every", save_every, "steps between checkpoints; else one an epoch", at_least(1));
    f("eval_every", eval_every, "steps between evaluations; else one an epoch", at_least(1));
    f("save", save, "also write the trained weights to this file (.safetensors or .npz)");
  }
};
/// The command under which such runs are recorded.
inline constexpr const char* kPreferenceRun = "train-pairs";

/// Whether these settings of `gradus train` are of pairs.
bool is_preference_data(const std::string& data);
/// The options of --loss. Throws UsageError naming the valid losses.
DpoOptions dpo_options(const std::string& loss);

/// The settings of the same run from any folder: relative paths become absolute.
PreferenceConfig with_absolute_paths(PreferenceConfig config);
/// Where a run keeps the weights it is compared with.
std::string reference_file(const RunDirectory& run);

/// Means over pairs: of the loss, of the margin, and how often the chosen response is the likelier one (beyond the reference).
struct PreferenceScore {
  double loss = 0, accuracy = 0, margin = 0;
  int64 pairs = 0;
};

class PreferenceRun {
 public:
  /// Opens the pairs, builds model and optimizer. Throws what they throw, and UsageError for what could not be trained.
  /// `start`: the reference of a run that goes on, in place of --init.
  explicit PreferenceRun(const PreferenceConfig& config, const std::string& start = "");

  /// Trains to the end, from the run's checkpoint if it has one. False if `stop`, asked between steps, ended it before (all is
  /// saved then). Throws NumericError if training diverges.
  bool train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop = interrupted);
  /// The result as --json prints it.
  nlohmann::ordered_json result(const std::string& out);
  int64 step() const { return step_; }
  int64 length() const { return length_; }
  Model& model() { return *model_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void restore(const RunDirectory& run);
  void save(const RunDirectory& run);
  /// The loss of some pairs; the reference is evaluated unrecorded.
  PreferenceLoss loss_of_pairs(std::span<const int64> rows);
  PreferenceScore score(std::span<const int64> rows);
  std::vector<int64> batch_rows(int64 step) const;
  int64 steps_per_epoch() const;

  PreferenceConfig config_;
  DpoOptions loss_;
  DatasetInfo info_;
  std::unique_ptr<Model> model_, reference_;
  Parameters parameters_;
  OptimizerPtr optimizer_;
  std::unique_ptr<Schedule> schedule_;
  std::vector<PairTokens> pairs_;
  std::vector<int64> training_, held_;
  std::vector<std::string> notes_;
  int64 step_ = 0, length_ = 0;
  double seconds_ = 0, loss_since_row_ = 0;
  int64 steps_since_row_ = 0;
  PreferenceScore last_;
};

/// The header of metrics.csv.
const std::string& preference_csv_header();

}  // namespace gradus
