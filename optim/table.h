// The parameters an optimizer trains, each with its state and the options of its group.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "autograd/parameter.h"
#include "core/options.h"
#include "optim/group.h"
#include "optim/state.h"

namespace gradus {

/// A parameter with its state. `steps` counts the steps in which it had a gradient.
struct ParamRow {
  ParameterPtr parameter;
  int group = 0;
  int64 steps = 0;
  State state;

  /// Takes part in a step: not frozen, with a gradient.
  bool active() const { return !parameter->frozen && parameter->grad.defined(); }
};

/// The part that does not depend on the options' type: compiled once, not once a rule.
class ParamTableBase {
 public:
  ParamTableBase(std::string optimizer, std::vector<GroupSpec> groups);
  virtual ~ParamTableBase() = default;

  /// The options of a group (0: of the optimizer) field by field.
  virtual OptionFields fields(int group = 0) = 0;

  void add(ParameterPtr parameter);  ///< Throws UsageError for a second parameter of the same name.
  const Parameters& parameters() const { return parameters_; }
  std::deque<ParamRow>& rows() { return rows_; }
  const ParamRow* find(const Parameter& p) const;
  State& shared() { return shared_; }
  const State& shared() const { return shared_; }
  State& group_state(int group) { return group_states_[static_cast<size_t>(group)]; }
  int groups() const { return static_cast<int>(group_states_.size()); }
  std::size_t state_bytes() const;

  /// Steps of the optimizer so far.
  int64 steps = 0;

  void save(SavedState& out) const;
  /// All or nothing; see Optimizer::load_state.
  void load(const SavedState& saved);

 protected:
  /// Sets the options of every group and adds the parameters.
  void fill(const Parameters& parameters, const OptionList& options);

 private:
  void load_entries(const SavedState& saved);
  /// The state an entry's owner ("fc1.weight", "*", "*2") stands for. Throws DataError.
  State& owner(const std::string& name);

  std::string optimizer_;
  std::vector<GroupSpec> groups_;
  Parameters parameters_;
  std::deque<ParamRow> rows_;
  State shared_;
  std::deque<State> group_states_;
};

template <class Options>
class ParamTable final : public ParamTableBase {
 public:
  /// Throws UsageError for options that are unknown or out of range, here or in a group.
  ParamTable(const std::string& optimizer, const Parameters& parameters, const OptionList& options,
             std::vector<GroupSpec> groups)
      : ParamTableBase(optimizer, std::move(groups)), options_(static_cast<size_t>(this->groups())) {
    fill(parameters, options);
  }
  /// Of the optimizer (group 0) or of a group.
  const Options& options(int group = 0) const { return options_[static_cast<size_t>(group)]; }
  OptionFields fields(int group = 0) override { return fields_of(options_[static_cast<size_t>(group)]); }

 private:
  std::vector<Options> options_;
};

}  // namespace gradus
