#include "apps/train/gradients/gradient_method.h"

#include "core/error.h"
#include "nn/layer_table.h"

namespace gradus {
namespace {

const GradientEntry* find_entry(const Spec& spec) {
  std::vector<std::string> names;
  for (const GradientEntry& entry : gradient_methods()) {
    if (entry.name == spec.name) return &entry;
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("gradient", spec.name, names));
}

GradientMethodPtr make(const std::string& text, Model* model, const Rng& rng) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("gradient {}: takes nothing in parentheses", spec.name);
  return find_entry(spec)->make(spec.options, model, rng);
}

}  // namespace

const std::vector<GradientEntry>& gradient_methods() {
  static const std::vector<GradientEntry> table = {
      {"backprop",
       "reverse mode: exact, and keeps every layer's activations",
       "autograd/grad.cpp",
       {},
       [](const OptionList& given, Model*, const Rng&) -> GradientMethodPtr {
         if (!given.empty()) fail<UsageError>("gradient backprop: '{}': it has no options", given[0].first);
         return nullptr;
       }},
      forward_method(),
      local_forward_method(),
      likelihood_method(),
  };
  return table;
}

GradientMethodPtr make_gradient_method(const std::string& spec, Model& model, const Rng& rng) {
  return make(spec, &model, rng);
}

void check_gradient_method(const std::string& spec) { make(spec, nullptr, Rng()); }

std::vector<LayerMemory> layer_memory(Model& model, int64 batch_size) {
  std::vector<LayerMemory> all;
  for (const LayerRow& row : layer_table(model).rows)
    all.push_back({row.name, row.output.numel() * batch_size * static_cast<int64>(sizeof(real))});
  return all;
}

}  // namespace gradus
