// From a rule (an Options struct and the paper's update) to an Optimizer.
//
//   struct Momentum {
//     struct Options { double lr = 0.1, momentum = 0.9; void visit(auto&& f) { ... } };
//     static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
//       const real mu = real(o.momentum), lr = real(o.lr * k.lr_scale);
//       for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) {
//         v = mu * v + g;
//         w -= lr * v;
//       });
//     }
//   };
//
// Optional members of a rule R:
//   static Needs needs(const Options&)                  what it asks of the objective
//   static void check(const Options&)                   refuses combinations of options that make no sense (UsageError)
//   static Prepared prepare(Pass<Options>&)             runs before any parameter moves: reductions over all tensors, extra
//                                                       gradients; update() gets the result as a fifth argument
//   static void step(Pass<Options>&)                    the whole step, instead of update()
//   static constexpr bool kDecoupled = true             its decay is always w*(1 - lr*weight_decay) (a rule with an option
//                                                       `decoupled` need not say so)
//   static const char* evaluation_slot(const Options&)  the slot that holds the weights to evaluate, or null
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "optim/elements.h"
#include "optim/heads.h"
#include "optim/optimizer.h"
#include "optim/registry.h"
#include "optim/table.h"

namespace gradus {

/// A parameter as a rule sees it.
struct Param {
  const std::string& name;
  ParamKind kind;
  Tensor data;        ///< the weights, changed in place
  const Tensor grad;  ///< of the current batch
  size_t index;       ///< position among the parameters that take part in this step

  bool is_matrix() const { return data.rank() >= 2; }
  /// A tensor of rank >= 2 as a matrix (rows, cols): convolution kernels are (out, in*kh*kw).
  int64 rows() const { return data.rank() ? data.dim(0) : 1; }
  int64 cols() const { return rows() ? data.numel() / rows() : 0; }
};

/// `row` as the parameter number `index` of a step.
Param param_of(const ParamRow& row, size_t index);

template <class Options>
struct Item {
  Param p;
  State& s;
  const Options& o;
  int group;  ///< 0: none of the groups given
  int64 t;    ///< StepInfo::t of this parameter
};

/// All parameters that take part in a step, and what they share.
template <class Options>
struct Pass {
  std::vector<Item<Options>> items;
  State& shared;           ///< numbers and tensors of the whole optimizer, saved with it
  const Options& options;  ///< of the optimizer itself, outside of groups
  int groups;              ///< number of groups with the default one: Item::group < groups
  Objective& objective;
  StepInfo info;  ///< t is 0 here

  StepInfo info_of(const Item<Options>& item) const {
    StepInfo k = info;
    k.t = item.t;
    return k;
  }
};

/// The part of a rule's optimizer that does not depend on the rule: compiled once, not once a rule.
class RuleOptimizerBase : public Optimizer {
 public:
  void apply(Objective& objective, const StepInfo& info) final;
  std::string spec() const final;
  const std::string& name() const final { return name_; }
  const Parameters& parameters() const final { return table_->parameters(); }
  void add_parameter(ParameterPtr parameter) final { table_->add(std::move(parameter)); }
  Needs needs() const final;
  const Tensor* slot(const Parameter& parameter, std::string_view key) const final;
  std::optional<double> scalar(std::string_view key) const final;
  std::optional<double> option(const Parameter& parameter, std::string_view key) const final;
  double kept_by_decay(const Parameter& parameter, double lr_scale) const final;
  std::size_t state_bytes() const final { return table_->state_bytes(); }
  SavedState save_state() const final;
  void load_state(const SavedState& saved) final { table_->load(saved); }
  void use_evaluation_weights(bool on) final;

 protected:
  RuleOptimizerBase(std::string name, std::unique_ptr<ParamTableBase> table);
  ParamTableBase& table() const { return *table_; }

 private:
  /// The rule's step for the parameters in `rows`, whose step counts are right already.
  virtual void run(const std::vector<ParamRow*>& rows, Objective& objective, const StepInfo& info) = 0;
  virtual Needs needs_of(int group) const = 0;
  virtual const char* evaluation_slot(int group) const = 0;
  virtual bool always_decoupled() const = 0;

  std::string name_;
  std::unique_ptr<ParamTableBase> table_;
  std::map<std::string, Tensor> kept_;  // training weights while the evaluation weights are in place
};

template <class R>
class RuleOptimizer final : public RuleOptimizerBase {
 public:
  using Options = typename R::Options;

  RuleOptimizer(const std::string& name, const OptionList& options, const Parameters& parameters,
                const std::vector<GroupSpec>& groups)
      : RuleOptimizerBase(
            name, std::make_unique<ParamTable<Options>>(name, parameters, options, groups_for_rule(groups))) {
    if constexpr (requires(const Options& o) { R::check(o); })
      for (int g = 0; g < table().groups(); ++g) R::check(options_of(g));
  }

 private:
  const Options& options_of(int group) const {
    return static_cast<const ParamTable<Options>&>(table()).options(group);
  }

  void run(const std::vector<ParamRow*>& rows, Objective& objective, const StepInfo& info) override {
    Pass<Options> pass{{}, table().shared(), options_of(0), table().groups(), objective, info};
    pass.items.reserve(rows.size());
    for (ParamRow* row : rows)
      pass.items.push_back(
          {param_of(*row, pass.items.size()), row->state, options_of(row->group), row->group, row->steps});
    if constexpr (requires { R::step(pass); }) {
      R::step(pass);
    } else if constexpr (requires { R::prepare(pass); }) {
      const auto prepared = R::prepare(pass);
      for (auto& item : pass.items) R::update(item.p, item.s, item.o, pass.info_of(item), prepared);
    } else {
      for (auto& item : pass.items) R::update(item.p, item.s, item.o, pass.info_of(item));
    }
  }
  Needs needs_of([[maybe_unused]] int group) const override {
    if constexpr (requires(const Options& o) { R::needs(o); }) return R::needs(options_of(group));
    return {};
  }
  const char* evaluation_slot([[maybe_unused]] int group) const override {
    if constexpr (requires(const Options& o) { R::evaluation_slot(o); })
      return R::evaluation_slot(options_of(group));
    return nullptr;
  }
  bool always_decoupled() const override {
    if constexpr (requires { R::kDecoupled; }) return R::kDecoupled;
    return false;
  }
};

/// How an entry makes its optimizer.
using RuleFactory = OptimizerPtr(const std::string& name, const OptionList& options,
                                 const Parameters& parameters, const std::vector<GroupSpec>& groups);
OptimizerEntry rule_entry(OptimizerText text, const OptionFields& defaults, RuleFactory* make);

/// The registry entry of rule R; its equations are the head of the file that calls this.
template <class R>
OptimizerEntry rule_entry(OptimizerText text,
                          const std::source_location& where = std::source_location::current()) {
  typename R::Options defaults;
  return rule_entry(with_head(std::move(text), where), fields_of(defaults),
                    [](const std::string& name, const OptionList& options, const Parameters& parameters,
                       const std::vector<GroupSpec>& groups) -> OptimizerPtr {
                      return std::make_unique<RuleOptimizer<R>>(name, options, parameters, groups);
                    });
}

}  // namespace gradus
