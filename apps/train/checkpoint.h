// Weights and checkpoints on disk.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/train/task.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

namespace gradus {

/// What a run is besides weights and optimizer state: everything else that decides how it goes on.
struct TrainState {
  int64 step = 0;
  DataPosition position;
  Rng::State dropout{};
  Score since_row, since_epoch;  ///< of training, since the last metrics row and since the epoch began
  Score last_epoch, last_test;   ///< of the last whole epoch (or part, at the end) and the last evaluation
  Score last_validation;         ///< of the last evaluation, where examples are held out
  std::map<std::string, double> best_test, best_validation;  ///< measures at best_step
  bool evaluation_due = false;                               ///< stopped in front of an evaluation
  bool stopped = false;                                      ///< early
  std::optional<double> best;  ///< of the evaluations: the deciding measure, or minus it where less is better
  int64 best_step = 0, evaluations_since_best = 0;
  double last_loss = 0;
  double last_scale = 1;  ///< factor of the schedule on the last step
  int64 total_steps = 0;  ///< length of the run when this was saved
  int64 examples = 0;     ///< seen in training
  int64 kept_since_epoch = 0,
        kept_last_epoch = 0;  ///< examples that --select kept, as since_epoch and last_epoch
  int64 batch_size = 0;       ///< of the next step, where sizes are adaptive; 0: the first one
  double seconds = 0;         ///< spent in training steps
  std::map<std::string, double> schedule;
};

/// What a weights file holds: parameters (as the layers compute with them) and buffers under torch's names, with the
/// model's spec and the data's description beside them, so that it can be used without naming either. Shares the model's storage.
TensorFile weights_file(Model& model, const DatasetInfo& info);
/// As NAME.safetensors or, without the descriptions, NAME.npz. Throws UsageError for another name.
void save_weights(const std::string& path, Model& model, const DatasetInfo& info);

/// What a weights file says about itself; both absent in files written by others.
struct WeightsOrigin {
  std::optional<std::string> model;
  std::optional<DatasetInfo> data;
};
WeightsOrigin read_origin(const std::string& path);
/// The same of a file that has been read; `path` opens the messages.
WeightsOrigin origin_of(const TensorFile& file, const std::string& path);
/// The tensors of a file of weights. Throws DataError where one that `model` has holds integers.
std::vector<std::pair<std::string, Tensor>> read_weights(const std::string& path, Model& model);
/// Loads by name. Throws DataError that lists what does not fit.
void load_weights(const std::string& path, Model& model);

/// A score as checkpoints hold it, exact.
nlohmann::json score_json(const Score& score);
Score score_from(const nlohmann::json& json);

/// The parts that checkpoints of all ways of learning have in common, `state` what is special to each.
struct CheckpointParts {
  std::string optim;  ///< spec of the optimizer, or of what takes its place
  SavedState saved;   ///< its state
  nlohmann::json state;
};
/// Whole or not at all. Throws NumericError, and writes nothing, if a weight is not finite.
void write_checkpoint(const std::string& path, Model& model, const CheckpointParts& parts);
/// Reads a checkpoint of this model and `optim`, and hands its parts to `restore`, whose errors of JSON are those of a
/// damaged file; then loads the weights. Throws DataError.
void read_checkpoint(const std::string& path, Model& model, const std::string& optim,
                     const std::function<void(const CheckpointParts&)>& restore);

/// What else of a run remembers something: a gradient method, a selector of examples. Its state is saved below `name`, a word.
struct StatefulPart {
  std::string name;
  std::function<SavedState()> save;
  std::function<void(const SavedState&)> load;
};
/// Writes everything; whole or not at all. Throws NumericError, and writes nothing, if a weight is not finite.
void save_checkpoint(const std::string& path, Model& model, const Optimizer& optimizer,
                     const TrainState& state, const std::vector<StatefulPart>& parts = {});
/// Puts everything back. Throws DataError if the file is not the checkpoint of such a run.
TrainState load_checkpoint(const std::string& path, Model& model, Optimizer& optimizer,
                           const std::vector<StatefulPart>& parts = {});

}  // namespace gradus
