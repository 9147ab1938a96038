#include "nn/registry.h"

#include "nn/models/lenet.h"
#include "nn/models/mlp.h"

namespace gradus {
namespace {

template <class M>
using Preset = void (*)(typename M::Options&);

template <class M, Preset<M> Change>
typename M::Options defaults() {
  typename M::Options o;
  if constexpr (Change != nullptr) Change(o);
  return o;
}

// A line of the table for class M, whose options start from their defaults, changed by Change.
template <class M, Preset<M> Change = nullptr>
ModelEntry entry(const char* name, const char* summary) {
  return {name, summary, M::kTask, [] { return describe_options(defaults<M, Change>()); },
          [](const OptionList& list, const DataShape& data, const std::string& as) -> std::unique_ptr<Model> {
            typename M::Options o = defaults<M, Change>();
            set_options(o, list, "model " + as);
            auto model = std::make_unique<M>(o, data);
            model->set_origin(Spec{as, "", option_list(o)}.str(), data);
            return model;
          }};
}

const ModelEntry kModels[] = {
    entry<Mlp>("mlp", "fully connected layers fc1, fc2, ..."),
    entry<LeNet>("lenet", "two valid 3x3 convolutions, max pooling, two linear layers"),
};

}  // namespace

std::span<const ModelEntry> models() { return kModels; }

const ModelEntry& model_entry(const std::string& name) {
  std::vector<std::string> names;
  for (const ModelEntry& e : kModels) {
    if (name == e.name) return e;
    names.emplace_back(e.name);
  }
  throw UsageError(unknown_name("model", name, names));
}

std::unique_ptr<Model> make_model(const std::string& text, const DataShape& data, const Rng& rng) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("model {}: takes nothing in parentheses", spec.name);
  std::unique_ptr<Model> model = model_entry(spec.name).build(spec.options, data, spec.name);
  model->initialise(rng.fork("init"));
  model->run().rng = rng.fork("dropout");
  return model;
}

}  // namespace gradus
