#include "nn/modes.h"

#include <unordered_map>

namespace gradus {

ParameterSwap::ParameterSwap(Module& module, std::span<const Tensor> values) {
  const Parameters parameters = module.parameters();
  if (parameters.size() != values.size())
    fail<ShapeError>("functional call: {} tensors for {} parameters", values.size(), parameters.size());
  std::unordered_map<const Parameter*, const Tensor*> by_parameter;
  for (size_t i = 0; i < values.size(); ++i) {
    const Parameter& p = *parameters[i];
    if (values[i].defined() && !(values[i].shape() == p.value.shape()))
      fail<ShapeError>("functional call: shape {} for parameter {} of shape {}", values[i].shape().str(),
                       p.name, p.value.shape().str());
    by_parameter[&p] = &values[i];
  }
  module.visit([&](Module& m, const std::string&) {
    for (const Module::NamedSlot& s : m.slots()) {
      const auto found = by_parameter.find(s.slot.parameter().get());
      if (found == by_parameter.end()) continue;
      before_.emplace_back(s.slot, s.slot.swap(*found->second));
      by_parameter.erase(found);  // a shared slot is swapped once
    }
  });
}

ParameterSwap::~ParameterSwap() {
  for (auto it = before_.rbegin(); it != before_.rend(); ++it) it->first.swap(it->second);
}

Tensor functional_call(Module& module, std::span<const Tensor> values, const Input& x) {
  const ParameterSwap swap(module, values);
  return module(x);
}

}  // namespace gradus
