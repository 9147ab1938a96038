#include "optim/registry.h"

#include "core/error.h"
#include "optim/rules/families.h"
#include "optim/rules/matrix_zoo.h"
#include "optim/rules/rules.h"
#include "optim/rules/zoo.h"

namespace gradus {
namespace {

std::vector<OptimizerEntry> join(const std::vector<std::vector<OptimizerEntry>>& families) {
  std::vector<OptimizerEntry> all;
  for (const auto& family : families) all.insert(all.end(), family.begin(), family.end());
  return all;
}

}  // namespace

const std::vector<OptimizerEntry>& optimizers() {
  static const std::vector<OptimizerEntry> table = join({
      {rules::sgd(), rules::rmsprop(), rules::adagrad(), rules::adadelta()},
      rules::adaptive_rules(),
      rules::moment_rules(),
      rules::momentum_rules(),
      rules::sign_rules(),
      rules::layerwise_rules(),
      rules::matrix_rules(),
      rules::projected_rules(),
      rules::stepsize_rules(),
      rules::scale_rules(),
      rules::curvature_rules(),
      {rules::clip_norm(), rules::clip_value()},
      rules::clipping_transforms(),
      rules::gradient_transforms(),
      rules::model_wrappers(),
      rules::training_wrappers(),
      rules::averaging_wrappers(),
  });
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
