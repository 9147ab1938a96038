#include "apps/train/fine_tuning.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <set>

#include "apps/train/checkpoint.h"
#include "core/error.h"
#include "core/glob.h"
#include "nn/state_dict.h"

namespace gradus {
namespace {

// "layer1.0.conv1.weight" is of the block "layer1.0", "fc1.weight" of "fc1".
std::string block_name(const std::string& parameter) {
  for (size_t at = 0; at < parameter.size();) {
    const size_t dot = parameter.find('.', at);
    if (dot == std::string::npos) break;
    const std::string part = parameter.substr(at, dot - at);
    if (!part.empty() &&
        std::all_of(part.begin(), part.end(), [](unsigned char c) { return std::isdigit(c); }))
      return parameter.substr(0, dot);
    at = dot + 1;
  }
  const size_t last = parameter.rfind('.');
  return last == std::string::npos ? "" : parameter.substr(0, last);
}

// "a, b, c and 4 more"
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 6;
  const std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  return fmt::format("{}{}", fmt::join(shown, ", "),
                     names.size() > kShown ? fmt::format(" and {} more", names.size() - kShown) : "");
}

// The tensors of the file under the names they have here.
StateDict renamed(StateDict state, const std::vector<std::string>& rules, std::vector<std::string>& notes) {
  for (const std::string& rule : rules) {
    const size_t equal = rule.find('=');
    if (equal == std::string::npos)
      fail<UsageError>("--init-rename '{}': needs FROM=TO, the beginnings of names", rule);
    const std::string from = rule.substr(0, equal), given = rule.substr(equal + 1),
                      to = given == ":" ? "" : given;
    int64 count = 0;
    for (auto& entry : state)
      if (entry.first.starts_with(from)) {
        entry.first = to + entry.first.substr(from.size());
        ++count;
      }
    if (count == 0) {
      std::vector<std::string> names;
      for (const auto& entry : state) names.push_back(entry.first);
      fail<UsageError>("--init-rename '{}': no name begins with '{}'; there are: {}", rule, from,
                       some_of(names));
    }
    notes.push_back(
        fmt::format("--init-rename: {} names that began with '{}' begin with '{}'", count, from, to));
  }
  return state;
}

}  // namespace

std::vector<int64> layers_of(const Parameters& parameters) {
  struct Block {
    std::string name;
    bool matrix = false, table = false;
  };
  std::vector<Block> blocks;
  std::vector<size_t> block_of_parameter;
  for (const auto& p : parameters) {
    const std::string name = block_name(p->name);
    auto found = std::find_if(blocks.begin(), blocks.end(), [&](const Block& b) { return b.name == name; });
    if (found == blocks.end()) found = blocks.insert(found, Block{name});
    found->matrix = found->matrix || p->kind == ParamKind::kWeight || p->kind == ParamKind::kHead;
    found->table = found->table || p->kind == ParamKind::kEmbedding;
    block_of_parameter.push_back(static_cast<size_t>(found - blocks.begin()));
  }
  std::vector<int64> layer_of_block;
  int64 layer = 0;
  bool begun = false, only_tables = false;
  for (const Block& b : blocks) {
    const bool opens = b.matrix || (b.table && !only_tables);
    if (opens && begun) ++layer;
    if (opens) begun = true, only_tables = !b.matrix;
    layer_of_block.push_back(layer);
  }
  std::vector<int64> layers;
  for (const size_t b : block_of_parameter) layers.push_back(layer_of_block[b]);
  return layers;
}

std::vector<std::string> head_of(const Parameters& parameters) {
  std::vector<std::string> names;
  const auto stem = [](const std::string& name) { return name.substr(0, name.rfind('.') + 1); };
  for (const auto& head : parameters)
    if (head->kind == ParamKind::kHead)
      for (const auto& p : parameters)
        if (stem(p->name) == stem(head->name)) names.push_back(p->name);
  if (!names.empty() || parameters.empty()) return names;
  const std::vector<int64> layers = layers_of(parameters);
  const int64 last = *std::max_element(layers.begin(), layers.end());
  for (size_t i = 0; i < parameters.size(); ++i)
    if (layers[i] == last) names.push_back(parameters[i]->name);
  return names;
}

void freeze_layers(const Parameters& parameters, int64 n) {
  if (n == 0 || parameters.empty()) return;
  const std::vector<int64> layers = layers_of(parameters);
  const int64 count = *std::max_element(layers.begin(), layers.end()) + 1;
  const int64 frozen = n > 0 ? n : count + n;
  if (frozen < 1 || frozen >= count)
    fail<UsageError>(
        "--freeze-layers {}: the model has {} layers: 1 to {} can be frozen (-1: all but the last)", n, count,
        count - 1);
  for (size_t i = 0; i < parameters.size(); ++i)
    if (layers[i] < frozen) parameters[i]->frozen = true;
}

std::vector<LateFreeze> late_freezes(const Parameters& parameters, const std::vector<std::string>& texts) {
  std::vector<LateFreeze> all;
  for (const std::string& text : texts) {
    const size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0)
      fail<UsageError>("--freeze-after {}: it takes GLOB=EPOCHS, such as 'conv1.*=3'", text);
    int64 epochs = 0;
    parse_option(text.substr(at + 1), &epochs, at_least(1), "--freeze-after " + text);
    const size_t before = all.size();
    std::vector<std::string> names;
    for (const auto& p : parameters) {
      if (p->frozen) continue;
      names.push_back(p->name);
      if (glob_match(text.substr(0, at), p->name)) all.push_back({p, epochs});
    }
    if (all.size() == before)
      fail<UsageError>("--freeze-after {}: no parameter that is trained matches; there are: {}", text,
                       fmt::join(names, ", "));
  }
  if (!all.empty() && std::all_of(parameters.begin(), parameters.end(), [&](const auto& p) {
        return p->frozen ||
               std::any_of(all.begin(), all.end(), [&](const LateFreeze& l) { return l.parameter == p; });
      }))
    fail<UsageError>("--freeze-after {}: no parameter is left to train in the end", fmt::join(texts, " "));
  return all;
}

std::vector<double> layer_decay_factors(const Parameters& parameters, double decay) {
  const std::vector<int64> layers = layers_of(parameters);
  const int64 last = layers.empty() ? 0 : *std::max_element(layers.begin(), layers.end());
  std::vector<double> factors;
  for (const int64 layer : layers) factors.push_back(std::pow(decay, static_cast<double>(last - layer)));
  return factors;
}

std::string init_file(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return path;
  for (const char* name : {"model.safetensors", "best.safetensors"})
    if (fs::exists(fs::path(path) / name)) return (fs::path(path) / name).string();
  fail<DataError>("--init {}: a directory without model.safetensors or best.safetensors", path);
}

void start_from(const TrainConfig& config, Model& model, std::vector<std::string>& notes) {
  const std::string file = init_file(config.init);
  const StateDict given = renamed(read_weights(file, model), config.init_rename, notes);
  const std::vector<std::string> head_names = head_of(model.parameters());
  const std::set<std::string> head(head_names.begin(), head_names.end());
  StateDict taken;
  std::vector<std::string> fresh, missing, surplus, shapes;
  const StateDict own = state_dict(model);
  for (const auto& [name, tensor] : given) {
    const auto place =
        std::find_if(own.begin(), own.end(), [&, n = name](const auto& o) { return o.first == n; });
    const bool fits = place != own.end() && place->second.shape() == tensor.shape();
    if (fits && !(config.new_head && head.contains(name)))
      taken.emplace_back(name, tensor);
    else if (place != own.end() && head.contains(name))
      fresh.push_back(fits ? name
                           : fmt::format("{} ({}, in the file {})", name, place->second.shape().str(),
                                         tensor.shape().str()));
    else if (place != own.end() && config.init_partial)
      shapes.push_back(
          fmt::format("{} ({}, in the file {})", name, place->second.shape().str(), tensor.shape().str()));
    else if (place == own.end() && config.init_partial)
      surplus.push_back(name);
    else
      taken.emplace_back(name, tensor);  // refused below, with all else that does not fit
  }
  if (config.init_partial)
    for (const auto& entry : own)
      if (!head.contains(entry.first) &&
          std::none_of(given.begin(), given.end(), [&](const auto& g) { return g.first == entry.first; }))
        missing.push_back(entry.first);
  // A head that starts afresh is as the model made it: the loader is handed it beside the others.
  const auto in = [](const StateDict& state, const std::string& name) {
    return std::any_of(state.begin(), state.end(), [&](const auto& entry) { return entry.first == name; });
  };
  const size_t loaded = taken.size();
  for (const auto& [name, tensor] : own) {
    if (in(taken, name) || (!in(given, name) && !head.contains(name))) continue;
    if (!in(given, name)) fresh.push_back(name + " (not in the file)");
    taken.emplace_back(name, tensor.clone());
  }
  try {
    load_state_dict(model, taken, file, !config.init_partial);
  } catch (const DataError& e) {
    fail<DataError>("{} (--init-partial takes what fits; --init-rename FROM=TO changes names)", e.what());
  }
  if (loaded == 0) fail<DataError>("{}: nothing in it fits the model {}", file, model.spec());
  if (!fresh.empty())
    notes.push_back(fmt::format("--init {}: the last layer starts afresh: {}", file, some_of(fresh)));
  if (!shapes.empty())
    notes.push_back(fmt::format("--init {}: of another shape, start afresh: {}", file, some_of(shapes)));
  if (!missing.empty())
    notes.push_back(fmt::format("--init {}: not in the file, start afresh: {}", file, some_of(missing)));
  if (!surplus.empty())
    notes.push_back(fmt::format("--init {}: not of this model, left out: {}", file, some_of(surplus)));
}

}  // namespace gradus
