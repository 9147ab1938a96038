#include "nn/adapters/adapter_file.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/json_file.h"
#include "core/safetensors.h"
#include "nn/adapters/lora.h"
#include "nn/adapters/lora_conv.h"
#include "nn/layers/norm.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kInfix = ".adapter.";

std::string tensors_file(const std::string& folder) {
  return (fs::path(folder) / "adapter_model.safetensors").string();
}
std::string config_file(const std::string& folder) {
  return (fs::path(folder) / "adapter_config.json").string();
}

// "blocks.0.attn.qkv.adapter.lora_A" -> "base_model.model.blocks.0.attn.qkv.lora_A.weight".
std::string peft_name(const std::string& parameter) {
  const size_t at = parameter.find(kInfix);
  if (at == std::string::npos) return kPrefix + parameter;
  const std::string own = parameter.substr(at + std::string(kInfix).size());
  const bool factor = own == "lora_A" || own == "lora_B" || own == "lora_E";
  return kPrefix + parameter.substr(0, at) + "." + own + (factor ? ".weight" : "");
}

std::string peft_type(const std::string& kind) {
  if (kind == "lora" || kind == "dora" || kind == "allora") return "LORA";
  return kind == "c3a" ? "C3A" : "GRADUS";
}

struct SavedTensor {
  std::string name;  // in the model
  Tensor value;      // its storage
  bool of_adapter() const { return name.find(kInfix) != std::string::npos; }
  std::string module() const { return name.substr(0, name.rfind('.')); }
};
// What a file holds, by its names there: what is trained, and modules with statistics that move in training.
std::map<std::string, SavedTensor> saved_tensors(Module& model) {
  std::map<std::string, SavedTensor> saved;
  const auto save = [&](const std::string& name, const Tensor& value) {
    saved[peft_name(name)] = {name, value.detach()};
  };
  for (const ParameterPtr& p : model.trainable()) save(p->name, p->value);
  model.visit([&](Module& m, const std::string& path) {
    if (!dynamic_cast<BatchNorm2d*>(&m)) return;
    for (const Module::NamedSlot& s : m.slots()) save(path + "." + s.name, s.slot.parameter()->value);
    for (const Module::NamedBuffer& b : m.buffers()) save(path + "." + b.name, b.value);
  });
  return saved;
}

// The options of a LoRA, of whatever layer; null for other kinds.
const LoraOptions* lora_options(const LayerAdapter& adapter) {
  if (const auto* linear = dynamic_cast<const LoraAdapter*>(&adapter)) return &linear->options();
  if (const auto* conv = dynamic_cast<const LoraConvAdapter*>(&adapter)) return &conv->options();
  return nullptr;
}

std::string option_of(const OptionList& options, const std::string& key, const std::string& otherwise) {
  for (const auto& [name, value] : options)
    if (name == key) return value;
  return otherwise;
}

nlohmann::json config_of(Module& model, const std::string& spec, const std::string& base) {
  const Spec parsed = parse_spec(spec);
  std::vector<std::string> layers;
  std::set<std::string> heads;
  nlohmann::json ranks = nlohmann::json::object(), alphas = nlohmann::json::object();
  int64 rank = 0;
  double alpha = 0;
  for (const AdaptedLayer& l : adapted_layers(model)) {
    layers.push_back(l.path);
    for (const ParameterPtr& p : l.adapter()->parameters())
      if (p->name.ends_with(".lora_A") && p->value.rank() != 3) {  // of ard-lora: no one rank
        const int64 own = p->value.dim(0);
        const LoraOptions* lora = lora_options(*l.adapter());
        const double own_alpha = lora ? lora->alpha : static_cast<double>(own);
        if (rank == 0) rank = own, alpha = own_alpha;
        if (own != rank) ranks[l.path] = own;
        if (own_alpha != alpha) alphas[l.path] = own_alpha;
      }
  }
  for (const auto& [name, saved] : saved_tensors(model))
    if (!saved.of_adapter()) heads.insert(saved.module());
  nlohmann::json json = {{"peft_type", peft_type(parsed.name)},
                         {"base_model_name_or_path", base},
                         {"target_modules", layers},
                         {"modules_to_save", std::vector<std::string>(heads.begin(), heads.end())},
                         {"inference_mode", true},
                         {"gradus_adapter", spec}};
  if (json["peft_type"] == "LORA") {
    json["r"] = rank;
    json["lora_alpha"] = alpha;
    json["lora_dropout"] = std::stod(option_of(parsed.options, "dropout", "0"));
    json["use_rslora"] = option_of(parsed.options, "scaling", "standard") == "rslora";
    json["use_dora"] = parsed.name == "dora";
    json["bias"] = "none";
    json["fan_in_fan_out"] = false;
    json["rank_pattern"] = ranks;
    json["alpha_pattern"] = alphas;
  }
  if (json["peft_type"] == "C3A") json["block_size"] = std::stoll(option_of(parsed.options, "block", "0"));
  return json;
}

// Layers by the rank of their lora_A: of a folder that PEFT wrote.
std::map<std::string, int64> ranks_in(const TensorFile& file) {
  std::map<std::string, int64> ranks;
  const std::string end = ".lora_A.weight";
  for (const auto& [name, tensor] : file.tensors)
    if (name.starts_with(kPrefix) && name.ends_with(end) && (tensor.rank() == 2 || tensor.rank() == 4)) {
      const size_t from = std::string(kPrefix).size();
      ranks[name.substr(from, name.size() - from - end.size())] = tensor.dim(0);
    }
  return ranks;
}

}  // namespace

void save_adapter(const std::string& folder, Module& model, const std::string& spec,
                  const std::string& base) {
  if (adapted_layers(model).empty()) fail<UsageError>("adapter: the model has none to be saved");
  fs::create_directories(folder);
  TensorFile file;
  for (const auto& [name, saved] : saved_tensors(model)) file.tensors.emplace_back(name, saved.value);
  file.metadata["format"] = "pt";
  write_safetensors(tensors_file(folder), file);
  write_json(config_file(folder), config_of(model, spec, base));
}

std::string adapter_spec_of(const std::string& folder) {
  const std::string path = config_file(folder);
  const nlohmann::json json = read_json(path);
  try {
    if (json.contains("gradus_adapter")) {
      const std::string spec = json.at("gradus_adapter").get<std::string>();
      check_adapter_spec(spec);
      return spec;
    }
    const std::string type = json.at("peft_type").get<std::string>();
    if (type != "LORA") fail<DataError>("{}: an adapter of kind {} that gradus did not write", path, type);
    const std::map<std::string, int64> ranks = ranks_in(read_safetensors(tensors_file(folder)));
    if (ranks.empty())
      fail<DataError>("{}: no tensor is called {}LAYER.lora_A.weight", tensors_file(folder), kPrefix);
    std::vector<std::string> layers, each;
    for (const auto& [layer, rank] : ranks) {
      layers.push_back(layer);
      each.push_back(fmt::format("{}={}", layer, rank));
    }
    return fmt::format("{}:alpha={},scaling={},targets={},ranks={}",
                       json.value("use_dora", false) ? "dora" : "lora", json.at("lora_alpha").get<double>(),
                       json.value("use_rslora", false) ? "rslora" : "standard", fmt::join(layers, "+"),
                       fmt::join(each, "+"));
  } catch (const nlohmann::json::exception& e) {
    fail<DataError>("{}: {}", path, e.what());
  } catch (const UsageError& e) {
    fail<DataError>("{}: {}", path, e.what());
  }
}

std::vector<AdaptedLayer> load_adapter(Module& model, const std::string& folder) {
  const std::string path = tensors_file(folder), spec = adapter_spec_of(folder);
  const TensorFile file = read_safetensors(path);
  std::vector<AdaptedLayer> layers;
  try {
    layers = attach_adapters(model, spec, Rng(0));
  } catch (const UsageError& e) {
    fail<DataError>("{}: not of this model: {}", path, e.what());
  }
  const std::map<std::string, SavedTensor> own = saved_tensors(model);
  std::vector<std::string> wrong;
  for (const auto& [name, saved] : own) {
    const Tensor* given = file.find(name);
    // PEFT saves a head only where it was asked to train one: what is missing stays as the base has it.
    if (!given && !saved.of_adapter()) continue;
    if (!given)
      wrong.push_back(name + " is missing");
    else if (!(given->shape() == saved.value.shape()))
      wrong.push_back(fmt::format("{} is {}, not {}", name, given->shape().str(), saved.value.shape().str()));
  }
  for (const auto& entry : file.tensors)
    if (!own.contains(entry.first)) wrong.push_back(entry.first + " is left over");
  if (!wrong.empty()) fail<DataError>("{}: {}", path, fmt::join(wrong, "; "));
  for (const auto& [name, saved] : own)
    if (const Tensor* given = file.find(name)) Tensor(saved.value).copy_from(*given);
  return layers;
}

}  // namespace gradus
