#include "optim/rule.h"

namespace gradus {

Param param_of(const ParamRow& row, size_t index) {
  const Parameter& q = *row.parameter;
  return {q.name, q.kind, q.value.detach(), q.grad.detach(), index};
}

RuleOptimizerBase::RuleOptimizerBase(std::string name, std::unique_ptr<ParamTableBase> table)
    : name_(std::move(name)), table_(std::move(table)) {}

void RuleOptimizerBase::apply(Objective& objective, const StepInfo& info) {
  if (info.finish) return;  // a rule holds nothing back
  StepInfo k = info;
  k.t = 0;
  k.step = ++table_->steps;
  std::vector<ParamRow*> rows;
  for (ParamRow& row : table_->rows()) {
    if (!row.active()) continue;
    ++row.steps;
    rows.push_back(&row);
  }
  run(rows, objective, k);
}

std::string RuleOptimizerBase::spec() const { return Spec{name_, "", option_list(table_->fields())}.str(); }

Needs RuleOptimizerBase::needs() const {
  Needs all;
  for (int g = 0; g < table_->groups(); ++g) all = all | needs_of(g);
  return all;
}

const Tensor* RuleOptimizerBase::slot(const Parameter& parameter, std::string_view key) const {
  const ParamRow* row = table_->find(parameter);
  return row ? row->state.find(key) : nullptr;
}

std::optional<double> RuleOptimizerBase::scalar(std::string_view key) const {
  const double* value = table_->shared().find_scalar(key);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> RuleOptimizerBase::option(const Parameter& parameter, std::string_view key) const {
  const ParamRow* row = table_->find(parameter);
  return row ? numeric_option(table_->fields(row->group), key) : std::nullopt;
}

double RuleOptimizerBase::kept_by_decay(const Parameter& parameter, double lr_scale) const {
  if (!always_decoupled() && option(parameter, "decoupled").value_or(0) == 0) return 1;
  return 1 - lr_scale * option(parameter, "lr").value_or(0) * option(parameter, "weight_decay").value_or(0);
}

SavedState RuleOptimizerBase::save_state() const {
  SavedState out;
  table_->save(out);
  return out;
}

void RuleOptimizerBase::use_evaluation_weights(bool on) {
  for (ParamRow& row : table_->rows()) {
    const char* key = evaluation_slot(row.group);
    const Tensor* weights = key ? row.state.find(key) : nullptr;
    if (!weights) continue;
    if (on) kept_[row.parameter->name] = row.parameter->value.clone();
    row.parameter->value.copy_from(on ? *weights : kept_.at(row.parameter->name));
  }
  if (!on) kept_.clear();
}

OptimizerEntry rule_entry(OptimizerText text, const OptionFields& defaults, RuleFactory* make) {
  OptimizerEntry entry{std::move(text), false, describe_options(defaults), nullptr};
  entry.make = [name = entry.text.name, make](const Spec& spec, const Parameters& parameters,
                                              const std::vector<GroupSpec>& groups) -> OptimizerPtr {
    if (!spec.inner.empty()) fail<UsageError>("optimizer {} does not wrap another: '{}'", name, spec.str());
    return make(name, spec.options, parameters, groups);
  };
  return entry;
}

}  // namespace gradus
