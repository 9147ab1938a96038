// Optimizers around an optimizer: "lookahead(adam:lr=1e-3):k=5,alpha=0.5".
#pragma once

#include <string>
#include <utility>

#include "optim/registry.h"
#include "optim/table.h"

namespace gradus {

/// Groups for the optimizer inside a wrapper whose own options are `own`: what the wrapper does not know, and
/// the base options.
std::vector<GroupSpec> inner_groups(const std::vector<GroupSpec>& groups,
                                    const std::vector<std::string>& own);
/// Groups for the wrapper itself: the keys it knows.
std::vector<GroupSpec> outer_groups(const std::vector<GroupSpec>& groups,
                                    const std::vector<std::string>& own);

/// Base of wrappers: owns the optimizer inside and a table with the wrapper's own options and state by
/// parameter. A subclass has an Options struct and implements apply(), which ends in inner().apply(...).
template <class O>
class Wrapper : public Optimizer {
 public:
  using Options = O;

  Wrapper(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : name_(spec.name),
        table_(name_, parameters, spec.options, outer_groups(groups, option_names<O>())),
        inner_(make_optimizer(spec.inner, parameters, inner_groups(groups, option_names<O>()))) {}

  std::string spec() const override {
    return Spec{name_, inner_->spec(), option_list(table_.options())}.str();
  }
  const std::string& name() const override { return name_; }
  const Parameters& parameters() const override { return table_.parameters(); }
  void add_parameter(ParameterPtr parameter) override {
    inner_->add_parameter(parameter);
    table_.add(std::move(parameter));
  }
  Needs needs() const override { return inner_->needs(); }
  const Tensor* slot(const Parameter& parameter, std::string_view key) const override {
    const ParamRow* row = table_.find(parameter);
    const Tensor* own = row ? row->state.find(key) : nullptr;
    return own ? own : inner_->slot(parameter, key);
  }
  std::optional<double> scalar(std::string_view key) const override {
    const double* value = table_.shared().find_scalar(key);
    return value ? std::optional(*value) : inner_->scalar(key);
  }
  std::optional<double> option(const Parameter& parameter, std::string_view key) const override {
    const ParamRow* row = table_.find(parameter);
    const auto own = row ? numeric_option(table_.options(row->group), key) : std::nullopt;
    return own ? own : inner_->option(parameter, key);
  }
  double kept_by_decay(const Parameter& parameter, double lr_scale) const override {
    return inner_->kept_by_decay(parameter, lr_scale);
  }
  std::size_t state_bytes() const override { return table_.state_bytes() + inner_->state_bytes(); }
  void use_evaluation_weights(bool on) override { inner_->use_evaluation_weights(on); }
  SavedState save_state() const override {
    SavedState out;
    table_.save(out);
    save_below("inner/", inner_->save_state(), out);
    return out;
  }
  void load_state(const SavedState& saved) override {
    const SavedState inside = saved_below(saved, "inner/");
    SavedState own = saved;
    std::erase_if(own.tensors, [](const auto& entry) { return entry.first.starts_with("inner/"); });
    std::erase_if(own.scalars, [](const auto& entry) { return entry.first.starts_with("inner/"); });
    SavedState before;
    table_.save(before);
    table_.load(own);
    try {
      inner_->load_state(inside);
    } catch (...) {
      table_.load(before);
      throw;
    }
  }

 protected:
  Optimizer& inner() { return *inner_; }
  const Optimizer& inner() const { return *inner_; }
  const Options& options(int group = 0) const { return table_.options(group); }
  ParamTable<Options>& table() { return table_; }

 private:
  std::string name_;
  ParamTable<Options> table_;
  OptimizerPtr inner_;
};

/// The registry entry of wrapper W, a subclass of Wrapper<W::Options>.
template <class W>
OptimizerEntry wrapper_entry(OptimizerText text) {
  OptimizerEntry entry{std::move(text), true, describe_options<typename W::Options>(), nullptr};
  entry.make = [name = entry.text.name](const Spec& spec, const Parameters& parameters,
                                        const std::vector<GroupSpec>& groups) -> OptimizerPtr {
    if (spec.inner.empty())
      fail<UsageError>("optimizer {0} wraps another, which is missing: {0}(adam:lr=1e-3)", name);
    return std::make_unique<W>(spec, parameters, groups);
  };
  return entry;
}

}  // namespace gradus
