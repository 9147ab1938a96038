#include "optim/registry.h"

#include <cmath>

#include "core/error.h"
#include "optim/rules/rules.h"

namespace gradus {

const std::vector<OptimizerEntry>& optimizers() {
  static const std::vector<OptimizerEntry> table = {
      rules::sgd(),   rules::rmsprop(), rules::adagrad(),   rules::adadelta(),   rules::adam(),
      rules::adamw(), rules::amsgrad(), rules::clip_norm(), rules::clip_value(),
  };
  return table;
}

const OptimizerEntry& find_optimizer(std::string_view name) {
  std::vector<std::string> valid;
  for (const auto& entry : optimizers()) {
    if (entry.text.name == name) return entry;
    valid.push_back(entry.text.name);
  }
  throw UsageError(unknown_name("optimizer", name, valid));
}

OptimizerPtr make_optimizer(std::string_view spec, const Parameters& parameters,
                            const std::vector<GroupSpec>& groups) {
  return make_optimizer(parse_spec(spec), parameters, groups);
}

OptimizerPtr make_optimizer(const Spec& spec, const Parameters& parameters,
                            const std::vector<GroupSpec>& groups) {
  return find_optimizer(spec.name).make(spec, parameters, groups);
}

}  // namespace gradus
