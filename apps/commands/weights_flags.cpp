#include "apps/commands/weights_flags.h"

#include <algorithm>
#include <filesystem>

#include "apps/cli/thread_count.h"
#include "apps/train/run_dir.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/registry.h"
#include "data/text.h"
#include "nn/adapters/adapter_file.h"
#include "nn/registry.h"
#include "nn/state_dict.h"

namespace gradus {

namespace fs = std::filesystem;

TensorFile checkpoint_weights(const std::string& path, bool ema, const std::string& data_dir) {
  const RunDirectory run = RunDirectory::open(path);
  if (!fs::exists(run.checkpoint()))
    fail<DataError>("{}: there is no checkpoint yet, so there are no weights '{}'", path,
                    ema ? "ema" : "trained");
  TrainConfig config = run.config();
  if (!data_dir.empty()) config.data_dir = data_dir;
  if (ema && !effective_optim(config).starts_with("ema("))
    fail<UsageError>("{}: the run was trained without --ema: there is no mean of its weights", path);
  config.init.clear();  // the checkpoint has all
  Trainer trainer(config);
  trainer.restore(run);
  const auto in_place = trainer.evaluation_weights(ema);
  TensorFile file = weights_file(trainer.model(), trainer.info());
  // The file shares the model's storage, which gets its training weights back here.
  for (auto& [name, tensor] : file.tensors) tensor = tensor.clone();
  return file;
}

Weights find_weights(const std::string& run, const WeightsOptions& options, const std::string& which) {
  use_threads(options.threads);
  if (!run.empty() && !options.init.empty()) fail<UsageError>("name a run or --init FILE, not both");
  const std::string path = run.empty() ? options.init : run;
  if (path.empty())
    fail<UsageError>("which weights? name the directory of a run, or --init FILE.safetensors");
  Weights found;
  found.file = path;
  fs::path folder = fs::path(path).parent_path();
  if (fs::is_directory(path)) {
    folder = path;
    const bool in_checkpoint = which == "ema" || which == "trained";
    found.file = (folder / (in_checkpoint     ? "checkpoint.safetensors"
                            : which == "best" ? "best.safetensors"
                                              : "model.safetensors"))
                     .string();
    if (in_checkpoint)
      found.contents = checkpoint_weights(path, which == "ema", options.data_dir);
    else if (!fs::exists(found.file))
      fail<DataError>(
          "{0}: no {1} there: not a run, or one that has not ended ('gradus train --resume {0}' goes on)",
          path, fs::path(found.file).filename().string());
  } else if (which != "last") {
    fail<UsageError>("--weights {} is for the directory of a run, not for the file {}", which, path);
  }
  if (const std::string config = (folder / "config.json").string(); fs::exists(config)) {
    const RunDirectory of_weights = RunDirectory::open(folder.empty() ? "." : folder.string());
    found.data = of_weights.data();
    found.data_dir = of_weights.data_dir();
  }
  const WeightsOrigin origin =
      found.contents ? origin_of(*found.contents, found.file) : read_origin(found.file);
  found.info = origin.data;
  found.model = origin.model.value_or("");
  if (found.data.empty() && origin.data) found.data = origin.data->name;
  found.adapter = options.adapter;
  if (!options.model.empty()) found.model = options.model;
  if (!options.data.empty()) found.data = options.data, found.data_dir.clear();
  if (!options.data_dir.empty()) found.data_dir = options.data_dir;
  return found;
}

void need_model(const Weights& weights) {
  if (weights.model.empty())
    fail<UsageError>("{} does not say which model it belongs to: name it with --model", weights.file);
}

Data open_scored_data(const Weights& weights) {
  need_model(weights);
  if (weights.data.empty())
    fail<UsageError>("{} does not say which data it belongs to: name them with --data", weights.file);
  return open_data(weights.data, {.data_dir = weights.data_dir,
                                  .block = block_of(weights.model),
                                  .fitted = weights.info ? &*weights.info : nullptr,
                                  .whole = true});
}

DatasetInfo info_of(const Weights& weights) {
  return weights.info ? *weights.info : open_scored_data(weights).info();
}

std::unique_ptr<Model> load_model(const Weights& weights, const DatasetInfo& info) {
  need_model(weights);
  std::unique_ptr<Model> model = make_model(weights.model, data_shape(info), Rng(0));
  if (weights.contents)
    load_state_dict(*model, weights.contents->tensors, weights.file);
  else
    load_weights(weights.file, *model);
  if (!weights.adapter.empty()) load_adapter(*model, weights.adapter);
  model->set_training(false);
  return model;
}

std::vector<int64> prompt_tokens(const std::string& prompt, const DatasetInfo& info) {
  if (!prompt.empty()) return Vocabulary(info.vocabulary).encode(prompt);
  const auto found = std::find(info.vocabulary.begin(), info.vocabulary.end(), "\n");
  return {found == info.vocabulary.end() ? 0 : found - info.vocabulary.begin()};
}

}  // namespace gradus
