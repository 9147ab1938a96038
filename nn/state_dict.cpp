#include "nn/state_dict.h"

#include <unordered_map>

#include "nn/layers/layer_adapter.h"

namespace gradus {
namespace {

// "a, b, c and 4 more"
std::string listing(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

// Entries that torch's files carry and that are no weights: batch-norm counters, nanoGPT's causal masks.
bool is_bookkeeping(const std::string& name) {
  return name.ends_with("num_batches_tracked") || name.ends_with(".attn.bias") ||
         name.ends_with(".attn.masked_bias");
}

}  // namespace

namespace {

template <class Value>
StateDict collect(Module& module, const Value& value) {
  StateDict state;
  module.visit([&](Module& m, const std::string& path) {
    const auto full = [&](const std::string& name) { return path.empty() ? name : path + "." + name; };
    for (const Module::NamedSlot& s : m.slots()) state.emplace_back(full(s.name), value(s.slot));
    for (const Module::NamedBuffer& b : m.buffers()) state.emplace_back(full(b.name), b.value.detach());
  });
  return state;
}

}  // namespace

StateDict state_dict(Module& module) {
  return collect(module, [](const ParamSlot& slot) { return slot.parameter()->value.detach(); });
}

StateDict effective_state_dict(Module& module) {
  const Recording off(false);
  StateDict state = collect(module, [](const ParamSlot& slot) { return slot.value().detach(); });
  module.visit([&](Module& m, const std::string& path) {
    auto* layer = dynamic_cast<WeightLayer*>(&m);
    if (!layer || !layer->adapter()) return;
    const std::string prefix = path.empty() ? "" : path + ".";
    std::erase_if(state, [&](const auto& entry) { return entry.first.starts_with(prefix + "adapter."); });
    if (!layer->adapter()->active) return;
    for (auto& [name, tensor] : state)
      if (name == prefix + "weight") tensor = layer->adapter()->merged_weight(tensor).detach();
  });
  return state;
}

void load_state_dict(Module& module, const StateDict& state, const std::string& source, bool strict) {
  std::unordered_map<std::string, const Tensor*> given;
  std::vector<std::string> missing, unexpected, misshaped;
  for (const auto& [name, tensor] : state)
    if (!is_bookkeeping(name) && !given.emplace(name, &tensor).second)
      fail<DataError>("{}: '{}' occurs twice", source, name);
  StateDict own = state_dict(module);
  std::vector<std::pair<Tensor*, const Tensor*>> copies;
  for (auto& [name, tensor] : own) {
    const auto found = given.find(name);
    if (found == given.end()) {
      missing.push_back(name);
      continue;
    }
    if (found->second->shape() == tensor.shape())
      copies.emplace_back(&tensor, found->second);
    else
      misshaped.push_back(
          fmt::format("{} is {} not {}", name, found->second->shape().str(), tensor.shape().str()));
    given.erase(found);
  }
  for (const auto& entry : state)
    if (given.contains(entry.first)) unexpected.push_back(entry.first);

  std::string problems;
  const auto report = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty())
      problems +=
          fmt::format("{}{} ({}): {}", problems.empty() ? "" : "; ", what, names.size(), listing(names));
  };
  if (strict) report("missing", missing);
  if (strict) report("unexpected", unexpected);
  report("wrong shape", misshaped);
  if (!problems.empty()) fail<DataError>("{} does not fit the model: {}", source, problems);
  for (auto& [to, from] : copies) to->copy_from(*from);
}

}  // namespace gradus
