// gradus export: weights of a run, or of a file, as safetensors or npz.
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/train/checkpoint.h"
#include "apps/train/run_dir.h"
#include "apps/train/task.h"
#include "core/safetensors.h"
#include "core/tensor_formats.h"
#include "nn/adapters/adapter_file.h"
#include "nn/registry.h"
#include "nn/state_dict.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string weights = "last", data_dir, merge;
  bool json = false;

  void visit(auto&& f) {
    f("weights", weights, kWeightsHelp, weights_choices());
    f("data_dir", data_dir,
      "for 'ema' and 'trained': where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("merge", merge,
      "an adapter whose part goes into the weights: a folder with adapter_model.safetensors; a run with "
      "--adapter has merged "
      "its own");
    f("json", json, "print the result as one JSON object");
  }
};

struct Exported {
  std::string source;
  TensorFile file;
};

Exported weights_to_export(const std::string& path, const ExportOptions& options) {
  if (options.weights == "ema" || options.weights == "trained")
    return {RunDirectory::open(path).checkpoint(),
            checkpoint_weights(path, options.weights == "ema", options.data_dir)};
  std::string file = path;
  if (fs::is_directory(path)) {
    file =
        RunDirectory::open(path).file(options.weights == "best" ? "best.safetensors" : "model.safetensors");
    if (!fs::exists(file))
      fail<DataError>(
          "{}: there is no {}: the run has not come that far; --weights trained takes its checkpoint", path,
          fs::path(file).filename().string());
  } else if (options.weights == "best") {
    fail<UsageError>("--weights best is for the directory of a run, not for the file {}", path);
  }
  return {file, read_safetensors(file)};
}

// The weights with the adapter's part in them.
TensorFile merged(const Exported& base, const std::string& adapter) {
  const WeightsOrigin origin = origin_of(base.file, base.source);
  if (!origin.model || !origin.data)
    fail<UsageError>("{} does not say which model and data it belongs to: nothing can be merged into it",
                     base.source);
  const std::unique_ptr<Model> model = make_model(*origin.model, data_shape(*origin.data), Rng(0));
  load_state_dict(*model, base.file.tensors, base.source);
  load_adapter(*model, adapter);
  TensorFile file = weights_file(*model, *origin.data);
  for (auto& [name, tensor] : file.tensors) tensor = tensor.clone();
  return file;
}

int export_weights(const std::string& path, const std::string& out, const ExportOptions& options) {
  check_tensors_path(out);
  Exported exported = weights_to_export(path, options);
  if (!options.merge.empty()) exported.file = merged(exported, options.merge);
  write_tensors(out, exported.file);

  int64 elements = 0;
  for (const auto& [name, tensor] : exported.file.tensors) elements += tensor.numel();
  const auto tensors = exported.file.tensors.size() + exported.file.integers.size();
  if (options.json)
    print_json({{"file", out},
                {"source", exported.source},
                {"tensors", tensors},
                {"elements", elements},
                {"bytes", fs::file_size(out)}});
  else
    print(fmt::format("{}: {} tensors, {} numbers, {} bytes\n", out, tensors, elements, fs::file_size(out)));
  return kOk;
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("export", "write weights as safetensors or npz");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file")->required()->type_name("");
  sub->add_option("OUT", *out, "the file to write: NAME.safetensors or NAME.npz")->required()->type_name("");
  add_flags<ExportOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      ExportOptions options;
      assign(options, *given);
      return export_weights(*run, *out, options);
    };
  });
}

}  // namespace gradus
