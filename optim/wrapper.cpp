#include "optim/wrapper.h"

#include <algorithm>

namespace gradus {
namespace {

bool knows(const std::vector<std::string>& own, const std::string& key) {
  return std::find(own.begin(), own.end(), key) != own.end();
}

}  // namespace

std::vector<GroupSpec> inner_groups(const std::vector<GroupSpec>& groups,
                                    const std::vector<std::string>& own) {
  std::vector<GroupSpec> inner = groups;
  for (GroupSpec& group : inner) {
    std::erase_if(group.options, [&](const auto& option) { return knows(own, option.first); });
    group.options.insert(group.options.end(), group.base_options.begin(), group.base_options.end());
    group.base_options.clear();
  }
  return inner;
}

std::vector<GroupSpec> outer_groups(const std::vector<GroupSpec>& groups,
                                    const std::vector<std::string>& own) {
  std::vector<GroupSpec> outer = groups;
  for (GroupSpec& group : outer) {
    std::erase_if(group.options, [&](const auto& option) { return !knows(own, option.first); });
    group.base_options.clear();
  }
  return outer;
}

WrapperBase::WrapperBase(std::string name, std::unique_ptr<ParamTableBase> table, OptimizerPtr inner)
    : name_(std::move(name)), table_(std::move(table)), inner_(std::move(inner)) {}

std::string WrapperBase::spec() const {
  return Spec{name_, inner_->spec(), option_list(table_->fields())}.str();
}

void WrapperBase::add_parameter(ParameterPtr parameter) {
  inner_->add_parameter(parameter);
  table_->add(std::move(parameter));
}

const Tensor* WrapperBase::slot(const Parameter& parameter, std::string_view key) const {
  const ParamRow* row = table_->find(parameter);
  const Tensor* own = row ? row->state.find(key) : nullptr;
  return own ? own : inner_->slot(parameter, key);
}

std::optional<double> WrapperBase::scalar(std::string_view key) const {
  const double* value = table_->shared().find_scalar(key);
  return value ? std::optional(*value) : inner_->scalar(key);
}

std::optional<double> WrapperBase::option(const Parameter& parameter, std::string_view key) const {
  const ParamRow* row = table_->find(parameter);
  const auto own = row ? numeric_option(table_->fields(row->group), key) : std::nullopt;
  return own ? own : inner_->option(parameter, key);
}

SavedState WrapperBase::save_state() const {
  SavedState out;
  table_->save(out);
  save_below("inner/", inner_->save_state(), out);
  return out;
}

void WrapperBase::load_state(const SavedState& saved) {
  const SavedState inside = saved_below(saved, "inner/");
  SavedState own = saved;
  std::erase_if(own.tensors, [](const auto& entry) { return entry.first.starts_with("inner/"); });
  std::erase_if(own.scalars, [](const auto& entry) { return entry.first.starts_with("inner/"); });
  SavedState before;
  table_->save(before);
  table_->load(own);
  try {
    inner_->load_state(inside);
  } catch (...) {
    table_->load(before);
    throw;
  }
}

OptimizerEntry wrapper_entry(OptimizerText text, const OptionFields& defaults, WrapperFactory* make) {
  OptimizerEntry entry{std::move(text), true, describe_options(defaults), nullptr};
  entry.make = [name = entry.text.name, make](const Spec& spec, const Parameters& parameters,
                                              const std::vector<GroupSpec>& groups) -> OptimizerPtr {
    if (spec.inner.empty())
      fail<UsageError>("optimizer {0} wraps another, which is missing: {0}(adam:lr=1e-3)", name);
    return make(spec, parameters, groups);
  };
  return entry;
}

}  // namespace gradus
