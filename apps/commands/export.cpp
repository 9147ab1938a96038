// gradus export: weights of a run, or of a file, as safetensors or npz; the whole model as ONNX or as C source.
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/export/c_source.h"
#include "apps/export/model_graph.h"
#include "apps/export/onnx_file.h"
#include "apps/train/checkpoint.h"
#include "apps/train/run_dir.h"
#include "apps/train/task.h"
#include "core/atomic_file.h"
#include "core/safetensors.h"
#include "core/tensor_formats.h"
#include "nn/adapters/adapter_file.h"
#include "nn/registry.h"
#include "nn/state_dict.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string weights = "last", data_dir, merge, c;
  bool preprocess = false, json = false;
  int opset = 21;

  void visit(auto&& f) {
    f("weights", weights, kWeightsHelp, weights_choices());
    f("data_dir", data_dir,
      "for 'ema' and 'trained': where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("merge", merge,
      "an adapter whose part goes into the weights: a folder with adapter_model.safetensors; a run with "
      "--adapter has merged "
      "its own");
    f("preprocess", preprocess,
      "a model (.onnx, .h) that takes pixels 0..255, or a table's columns as they are, and standardises them "
      "as the weights "
      "have it; else its input is standardised already");
    f("opset", opset, "operator set that an ONNX file declares", between(18, 24));
    f("c", c, "the same as OUT, as C source whatever its name: for mlp, lenet and other plain networks");
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

// The model that weights were made for, with them; `info` becomes the description of its data.
std::unique_ptr<Model> model_of(const Exported& weights, const char* purpose, DatasetInfo& info) {
  const WeightsOrigin origin = origin_of(weights.file, weights.source);
  if (!origin.model || !origin.data)
    fail<UsageError>("{} does not say which model and data it belongs to: {}", weights.source, purpose);
  info = *origin.data;
  std::unique_ptr<Model> model = make_model(*origin.model, data_shape(info), Rng(0));
  load_state_dict(*model, weights.file.tensors, weights.source);
  return model;
}

// The weights with the adapter's part in them.
TensorFile merged(const Exported& base, const std::string& adapter) {
  DatasetInfo info;
  const std::unique_ptr<Model> model = model_of(base, "nothing can be merged into it", info);
  load_adapter(*model, adapter);
  TensorFile file = weights_file(*model, info);
  for (auto& [name, tensor] : file.tensors) tensor = tensor.clone();
  return file;
}

// What the input of an exported model is, a line each.
std::string input_text(const DatasetInfo& info, bool preprocess) {
  if (info.kind == DataKind::kText) return "ids: tokens, numbers in the vocabulary (metadata)";
  const bool images = info.kind == DataKind::kImages;
  std::string text = fmt::format("input: {} {}", images ? "pixels of images" : "numbers", info.example.str());
  if (preprocess || info.mean.empty()) return text + (images && preprocess ? ", 0..255" : ", as they are");
  text += fmt::format("{}, (x - mean) / std", images ? ", 0..1" : "");
  if (info.mean.size() <= 4)
    text += fmt::format(" with mean {} and std {}", fmt::join(info.mean, " "), fmt::join(info.std, " "));
  return text;
}

bool writes_c(const ExportOptions& options, const std::string& out) {
  return !options.c.empty() || out.ends_with(".h");
}

// The model as a file of its own, in evaluation mode.
int export_model(const Exported& weights, const std::string& out, const ExportOptions& options) {
  DatasetInfo info;
  const std::unique_ptr<Model> model = model_of(
      weights, "a model is exported from weights that gradus has written, with their description", info);
  const OperatorGraph graph = model_graph(*model, info, options.preprocess);
  const std::string input = input_text(info, options.preprocess),
                    description =
                        fmt::format("gradus {}, trained on {}\n{}\n{}: {}", model->spec(), info.name, input,
                                    graph.output.name, extents_text(graph.output.extents));
  const bool c = writes_c(options, out);
  if (c) {
    write_file(out,
               c_source(graph, {c_identifier(fs::path(out).stem().string()), description, info.class_names}));
  } else {
    OnnxOptions onnx{options.opset, GRADUS_VERSION, description};
    onnx.metadata = {{"model", model->spec()}, {"data", info_json(info).dump()}};
    write_file(out, onnx_bytes(graph, onnx));
  }
  int64 elements = 0;
  for (const GraphConstant& k : graph.constants) elements += static_cast<int64>(k.numbers.size());
  if (options.json) {
    nlohmann::ordered_json inputs;
    for (const GraphValue& v : graph.inputs) inputs[v.name] = extents_text(v.extents);
    print_json({{"file", out},
                {"source", weights.source},
                {"format", c ? "c" : "onnx"},
                {"model", model->spec()},
                {"inputs", inputs},
                {"outputs", {{graph.output.name, extents_text(graph.output.extents)}}},
                {"operators", graph.nodes.size()},
                {"elements", elements},
                {"bytes", fs::file_size(out)}});
    return kOk;
  }
  std::vector<std::string> inputs;
  for (const GraphValue& v : graph.inputs) inputs.push_back(v.name + " " + extents_text(v.extents));
  print(fmt::format("{}: {} -> {} {}, {} operators, {} numbers, {} bytes\n{}\n", out, fmt::join(inputs, ", "),
                    graph.output.name, extents_text(graph.output.extents), graph.nodes.size(), elements,
                    fs::file_size(out), input));
  return kOk;
}

int run_export(const std::string& path, std::string out, const ExportOptions& options) {
  if (out.empty() == options.c.empty())
    fail<UsageError>(
        "export to where? name one file: NAME.onnx, NAME.h (or --c NAME.h), NAME.safetensors or NAME.npz");
  if (out.empty()) out = options.c;
  const bool whole_model = writes_c(options, out) || out.ends_with(".onnx");
  if (!whole_model) check_tensors_path(out);
  if (options.preprocess && !whole_model)
    fail<UsageError>("--preprocess is for models (NAME.onnx, NAME.h); {} holds weights alone", out);
  Exported exported = weights_to_export(path, options);
  if (!options.merge.empty()) exported.file = merged(exported, options.merge);
  if (whole_model) return export_model(exported, out, options);
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
  CLI::App* sub =
      app.add_subcommand("export", "write a model as ONNX or C source, or weights as safetensors or npz");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file")->required()->type_name("");
  sub->add_option("OUT", *out,
                  "the file to write: NAME.onnx (the model, for any runtime), NAME.h (C99 source without "
                  "dependencies), "
                  "NAME.safetensors or NAME.npz (weights alone)")
      ->type_name("");
  add_flags<ExportOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      ExportOptions options;
      assign(options, *given);
      return run_export(*run, *out, options);
    };
  });
}

}  // namespace gradus
