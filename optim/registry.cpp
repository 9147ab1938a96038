#include "optim/registry.h"

#include "core/error.h"
#include "optim/add_optimizer.h"
#include "optim/rules/families.h"
#include "optim/rules/matrix_zoo.h"
#include "optim/rules/objective_rules.h"
#include "optim/rules/rules.h"
#include "optim/rules/zoo.h"

namespace gradus {
namespace {

struct FamilyTable {
  const char* family;
  std::vector<OptimizerEntry> entries;
};

std::vector<OptimizerEntry> join(const std::vector<FamilyTable>& tables) {
  std::vector<OptimizerEntry> all;
  for (const FamilyTable& table : tables)
    for (OptimizerEntry entry : table.entries) {
      entry.family = table.family;
      all.push_back(std::move(entry));
    }
  return all;
}

// Grows by add_optimizer.
std::vector<OptimizerEntry>& optimizer_table() {
  static std::vector<OptimizerEntry> table = join({
      {"baseline", {rules::sgd(), rules::rmsprop(), rules::adagrad(), rules::adadelta()}},
      {"adaptive", rules::adaptive_rules()},
      {"adaptive", rules::moment_rules()},
      {"momentum", rules::momentum_rules()},
      {"sign", rules::sign_rules()},
      {"layer-wise", rules::layerwise_rules()},
      {"matrix", rules::matrix_rules()},
      {"matrix", rules::projected_rules()},
      {"step-size", rules::stepsize_rules()},
      {"step-size", rules::scale_rules()},
      {"curvature", rules::curvature_rules()},
      {"curvature", rules::second_order_rules()},
      {"sharpness", rules::sharpness_optimizers()},
      {"variance-reduction", rules::variance_reduction_optimizers()},
      {"privacy", rules::privacy_optimizers()},
      {"clipping", {rules::clip_norm(), rules::clip_value()}},
      {"clipping", rules::clipping_transforms()},
      {"gradient", rules::gradient_transforms()},
      {"model-wrapper", rules::model_wrappers()},
      {"training-wrapper", rules::training_wrappers()},
      {"averaging", rules::averaging_wrappers()},
  });
  return table;
}

}  // namespace

const std::vector<OptimizerEntry>& optimizers() { return optimizer_table(); }

void add_optimizer(OptimizerEntry entry) {
  for (const OptimizerEntry& e : optimizers())
    if (e.text.name == entry.text.name) fail<UsageError>("optimizer '{}' is there already", e.text.name);
  entry.family = "own";
  optimizer_table().push_back(std::move(entry));
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
