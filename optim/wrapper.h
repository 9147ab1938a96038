// Optimizers around an optimizer: "lookahead(adam:lr=1e-3):k=5,alpha=0.5".
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "optim/heads.h"
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

/// The part of a wrapper that does not depend on its options' type.
class WrapperBase : public Optimizer {
 public:
  std::string spec() const override;
  const std::string& name() const override { return name_; }
  const Parameters& parameters() const override { return table_->parameters(); }
  void add_parameter(ParameterPtr parameter) override;
  Needs needs() const override { return inner_->needs(); }
  const Tensor* slot(const Parameter& parameter, std::string_view key) const override;
  std::optional<double> scalar(std::string_view key) const override;
  std::optional<double> option(const Parameter& parameter, std::string_view key) const override;
  double kept_by_decay(const Parameter& parameter, double lr_scale) const override {
    return inner_->kept_by_decay(parameter, lr_scale);
  }
  std::size_t state_bytes() const override { return table_->state_bytes() + inner_->state_bytes(); }
  void use_evaluation_weights(bool on) override { inner_->use_evaluation_weights(on); }
  bool pending() const override { return inner_->pending(); }
  bool leaves_path() const override { return inner_->leaves_path(); }
  SavedState save_state() const override;
  void load_state(const SavedState& saved) override;

 protected:
  WrapperBase(std::string name, std::unique_ptr<ParamTableBase> table, OptimizerPtr inner);
  Optimizer& inner() { return *inner_; }
  const Optimizer& inner() const { return *inner_; }
  ParamTableBase& table() const { return *table_; }

 private:
  std::string name_;
  std::unique_ptr<ParamTableBase> table_;
  OptimizerPtr inner_;
};

/// Base of wrappers: owns the optimizer inside and a table with the wrapper's own options and state by
/// parameter. A subclass has an Options struct and implements apply(), which ends in inner().apply(...).
template <class O>
class Wrapper : public WrapperBase {
 public:
  using Options = O;

  Wrapper(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : WrapperBase(spec.name,
                    std::make_unique<ParamTable<O>>(spec.name, parameters, spec.options,
                                                    outer_groups(groups, option_names<O>())),
                    make_optimizer(spec.inner, parameters, inner_groups(groups, option_names<O>()))) {}

 protected:
  ParamTable<O>& table() const { return static_cast<ParamTable<O>&>(WrapperBase::table()); }
  const Options& options(int group = 0) const { return table().options(group); }
};

/// How an entry makes its wrapper.
using WrapperFactory = OptimizerPtr(const Spec& spec, const Parameters& parameters,
                                    const std::vector<GroupSpec>& groups);
OptimizerEntry wrapper_entry(OptimizerText text, const OptionFields& defaults, WrapperFactory* make);

/// The registry entry of wrapper W, a subclass of Wrapper<W::Options>; its equations are the head of the file that
/// calls this.
template <class W>
OptimizerEntry wrapper_entry(OptimizerText text,
                             const std::source_location& where = std::source_location::current()) {
  typename W::Options defaults;
  return wrapper_entry(with_head(std::move(text), where), fields_of(defaults),
                       [](const Spec& spec, const Parameters& parameters,
                          const std::vector<GroupSpec>& groups) -> OptimizerPtr {
                         return std::make_unique<W>(spec, parameters, groups);
                       });
}

}  // namespace gradus
