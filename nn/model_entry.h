// From a model class to a line of the registry, gradus's own or that of a program that links it:
//
//   add_model(model_entry_of<Mine>("mine", "two branches and a gate"));
//
// The class has
//   static constexpr Task kTask
//   struct Options { ... void visit(auto&& f); }
//   Model(const Options&, const DataShape&)
//   static constexpr const char* kSource = __FILE__       (optional: the file to read, shown by `model show`)
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "nn/registry.h"

namespace gradus {

/// Adds to models(), at the beginning of a program, before the table is used. Throws UsageError for a name that is taken.
void add_model(const ModelEntry& entry);

template <class M>
using ModelPreset = void (*)(typename M::Options&);

/// The options of M a registry entry begins with: the defaults, changed by Change where there is one.
template <class M, ModelPreset<M> Change = nullptr>
typename M::Options model_defaults() {
  typename M::Options o;
  if constexpr (Change != nullptr) Change(o);
  return o;
}

/// A model's source by its place in the tree ("nn/models/mlp.h"), a file outside of it by the path its compiler saw.
constexpr std::string_view model_source(std::string_view path) {
  const size_t at = path.rfind("nn/models/");
  return at == std::string_view::npos ? path : path.substr(at);
}

/// `tiny` and `tiny_data`: options and data of a network small enough for finite differences (grad-check).
template <class M, ModelPreset<M> Change = nullptr>
ModelEntry model_entry_of(const char* name, const char* summary, const char* tiny = "",
                          const DataShape& tiny_data = {
                              .channels = 1, .height = 3, .width = 3, .classes = 3}) {
  std::string_view source;
  if constexpr (requires { M::kSource; }) source = model_source(M::kSource);
  return {name,
          summary,
          M::kTask,
          [] { return describe_options(model_defaults<M, Change>()); },
          [](const OptionList& list, const DataShape& data, const std::string& as) -> std::unique_ptr<Model> {
            typename M::Options o = model_defaults<M, Change>();
            set_options(o, list, "model " + as);
            auto model = std::make_unique<M>(o, data);
            model->set_origin(Spec{as, "", option_list(o)}.str(), data);
            return model;
          },
          [](const OptionList& list, const std::string& as) {
            typename M::Options o = model_defaults<M, Change>();
            set_options(o, list, "model " + as);
          },
          tiny,
          tiny_data,
          source};
}

}  // namespace gradus
