// What commands that use trained weights have in common: which weights, which model, which data.
#pragma once

#include <memory>
#include <string>

#include "apps/train/checkpoint.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

struct WeightsOptions {
  std::string init, model, data, data_dir, adapter;
  int threads = 0;

  void visit(auto&& f) {
    f("init", init, "weights (safetensors), or the directory of a run");
    f("model", model, "model; needed for weights that gradus did not write");
    f("data", data,
      "data set; else the one of the run. What the weights know of theirs (names, mean and std, "
      "vocabulary) is applied to it");
    f("adapter", adapter,
      "an adapter beside the weights: a folder with adapter_model.safetensors, as a run with --adapter (or "
      "PEFT) writes");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("threads", threads, "threads; 0: one a processor", Limits{.low = 0});
  }
};

/// Which weights of a run. Flags of a command that takes them: f("weights", weights, kWeightsHelp, weights_choices()).
inline constexpr const char* kWeightsHelp =
    "which of a run: 'last' and 'best' are the files it wrote; from its checkpoint, also before it ends: "
    "'ema' (the mean "
    "of --ema) and 'trained' (without any mean)";
inline Limits weights_choices() { return choices({"last", "best", "ema", "trained"}); }
/// Those of the checkpoint of a run: what the optimizer steps on or, with ema, the mean. Throws DataError where there is no
/// checkpoint, UsageError where there is no mean.
TensorFile checkpoint_weights(const std::string& run, bool ema, const std::string& data_dir);

/// Weights found: the file, and what is known about them from it, its run directory and the options.
struct Weights {
  std::string file, model, data;
  std::string data_dir;                     ///< where the data lie: as given, else as its run recorded
  std::optional<DatasetInfo> info;          ///< from the file itself
  std::optional<TensorFile> contents = {};  ///< of weights that no file holds by themselves
  std::string adapter = {};                 ///< a folder, or none
};
/// `run` is a positional alternative to --init. Throws UsageError if neither names weights, DataError if there are
/// none. `which` is one of weights_choices.
Weights find_weights(const std::string& run, const WeightsOptions& options,
                     const std::string& which = "last");

/// Throws UsageError if it is not known which model the weights belong to.
void need_model(const Weights& weights);
/// What the weights say of their data; else the data that are named (with fitted transforms of their own). Throws
/// UsageError if neither is known.
DatasetInfo info_of(const Weights& weights);
/// The data set to score: what the weights know of their training data is applied to it (data/fitted.h).
Data open_scored_data(const Weights& weights);

/// Builds the model for data of this kind and loads the weights. Throws UsageError if the model is not known.
std::unique_ptr<Model> load_model(const Weights& weights, const DatasetInfo& info);

/// The tokens of a text to go on from. Without one they are those of a line break, where the vocabulary has it. Throws UsageError
/// for characters that have no token.
std::vector<int64> prompt_tokens(const std::string& prompt, const DatasetInfo& info);

}  // namespace gradus
