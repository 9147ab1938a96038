#include "optim/table.h"

#include <charconv>

#include "core/error.h"

namespace gradus {

ParamTableBase::ParamTableBase(std::string optimizer, std::vector<GroupSpec> groups)
    : optimizer_(std::move(optimizer)), groups_(std::move(groups)), group_states_(groups_.size() + 1) {}

void ParamTableBase::fill(const Parameters& parameters, const OptionList& options) {
  for (int g = 0; g < groups(); ++g) {
    const OptionFields all = fields(g);
    set_options(all, options, "optimizer " + optimizer_);
    if (g) set_options(all, groups_[static_cast<size_t>(g) - 1].options, "group of optimizer " + optimizer_);
  }
  for (const auto& p : parameters) add(p);
}

void ParamTableBase::add(ParameterPtr parameter) {
  for (const auto& p : parameters_)
    if (p->name == parameter->name)
      fail<UsageError>("optimizer {}: two parameters are named '{}'", optimizer_, p->name);
  const int group = group_of(*parameter, groups_);
  const Shape shape = parameter->value.shape();
  parameters_.push_back(parameter);
  rows_.push_back({std::move(parameter), group, 0, State(shape)});
}

const ParamRow* ParamTableBase::find(const Parameter& p) const {
  for (const auto& row : rows_)
    if (row.parameter.get() == &p) return &row;
  return nullptr;
}

std::size_t ParamTableBase::state_bytes() const {
  std::size_t sum = shared_.bytes();
  for (const auto& state : group_states_) sum += state.bytes();
  for (const auto& row : rows_) sum += row.state.bytes();
  return sum;
}

void ParamTableBase::save(SavedState& out) const {
  for (const auto& row : rows_) {
    row.state.save(row.parameter->name, out);
    out.scalars[row.parameter->name + "/t"] = static_cast<double>(row.steps);
  }
  shared_.save("*", out);
  out.scalars["*/step"] = static_cast<double>(steps);
  for (size_t i = 0; i < group_states_.size(); ++i) group_states_[i].save(fmt::format("*{}", i), out);
}

void ParamTableBase::load(const SavedState& saved) {
  const auto rows = rows_;
  const auto group_states = group_states_;
  const State shared = shared_;
  const int64 before = steps;
  try {
    load_entries(saved);
  } catch (...) {
    rows_ = rows;
    group_states_ = group_states;
    shared_ = shared;
    steps = before;
    throw;
  }
}

void ParamTableBase::load_entries(const SavedState& saved) {
  shared_.clear();
  steps = 0;
  for (auto& state : group_states_) state.clear();
  for (auto& row : rows_) row.state.clear(), row.steps = 0;
  for (const auto& [key, value] : saved.tensors) {
    const size_t slash = key.rfind('/');
    if (slash == std::string::npos)
      fail<DataError>("optimizer state: '{}' is not of the form name/slot", key);
    owner(key.substr(0, slash)).restore(key.substr(slash + 1), value);
  }
  for (const auto& [key, value] : saved.scalars) {
    const size_t slash = key.rfind('/');
    if (slash == std::string::npos)
      fail<DataError>("optimizer state: '{}' is not of the form name/slot", key);
    const std::string name = key.substr(0, slash), slot = key.substr(slash + 1);
    if (key == "*/step") {
      steps = static_cast<int64>(value);
      continue;
    }
    State& state = owner(name);
    if (slot != "t") {
      state.restore(slot, value);
      continue;
    }
    for (auto& row : rows_)
      if (row.parameter->name == name) row.steps = static_cast<int64>(value);
  }
}

State& ParamTableBase::owner(const std::string& name) {
  if (name == "*") return shared_;
  if (name.starts_with('*')) {
    size_t group = 0;
    const char* end = name.data() + name.size();
    if (std::from_chars(name.data() + 1, end, group).ptr == end && group < group_states_.size())
      return group_states_[group];
    fail<DataError>("optimizer {}: saved state of group '{}', but there are {} groups", optimizer_, name,
                    group_states_.size() - 1);
  }
  for (auto& row : rows_)
    if (row.parameter->name == name) return row.state;
  fail<DataError>("optimizer {}: saved state of '{}', which is not among the parameters", optimizer_, name);
}

}  // namespace gradus
