// From a rule (an Options struct and the paper's update) to an Optimizer.
//
//   struct Momentum {
//     struct Options { double lr = 0.1, momentum = 0.9; void visit(auto&& f) { ... } };
//     static void update(Param& p, State& s, const Options& o, const StepInfo& k) {
//       const real mu = real(o.momentum), lr = real(o.lr * k.lr_scale);
//       for_each_element(p.data, p.grad, s("v"), [=](real& w, real g, real& v) { v = mu * v + g; w -= lr * v;
//       });
//     } };
//
// Optional members of a rule R:
//   static Needs needs(const Options&)              what it asks of the objective
//   static void check(const Options&)               combinations of options that make no sense: throws
//   UsageError static Prepared prepare(Pass<Options>&)         runs before any parameter moves: reductions
//   over all tensors,
//                                                   extra gradients; update() gets the result as a fifth
//                                                   argument
//   static void step(Pass<Options>&)                the whole step, instead of update()
//   static constexpr bool kDecoupled = true         its decay is always w*(1 - lr*weight_decay) (a rule with an option
//                                                   `decoupled` need not say so)
//   static const char* evaluation_slot(const Options&)  the slot that holds the weights to evaluate, or null
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "optim/elements.h"
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

template <class R>
class RuleOptimizer final : public Optimizer {
 public:
  using Options = typename R::Options;

  RuleOptimizer(const std::string& name, const OptionList& options, const Parameters& parameters,
                const std::vector<GroupSpec>& groups)
      : name_(name), table_(name, parameters, options, groups_for_rule(groups)) {
    if constexpr (requires(const Options& o) { R::check(o); })
      for (int g = 0; g < table_.groups(); ++g) R::check(table_.options(g));
  }

  void apply(Objective& objective, const StepInfo& info) override {
    Pass<Options> pass{{}, table_.shared(), table_.options(), table_.groups(), objective, info};
    pass.info.step = ++table_.steps;
    for (ParamRow& row : table_.rows()) {
      if (!row.active()) continue;
      ++row.steps;
      const Parameter& q = *row.parameter;
      pass.items.push_back({{q.name, q.kind, q.value.detach(), q.grad.detach(), pass.items.size()},
                            row.state,
                            table_.options(row.group),
                            row.group,
                            row.steps});
    }
    run(pass);
  }

  std::string spec() const override { return Spec{name_, "", option_list(table_.options())}.str(); }
  const std::string& name() const override { return name_; }
  const Parameters& parameters() const override { return table_.parameters(); }
  void add_parameter(ParameterPtr parameter) override { table_.add(std::move(parameter)); }
  Needs needs() const override {
    Needs all;
    if constexpr (requires(const Options& o) { R::needs(o); })
      for (int g = 0; g < table_.groups(); ++g) all = all | R::needs(table_.options(g));
    return all;
  }
  const Tensor* slot(const Parameter& parameter, std::string_view key) const override {
    const ParamRow* row = table_.find(parameter);
    return row ? row->state.find(key) : nullptr;
  }
  std::optional<double> scalar(std::string_view key) const override {
    const double* value = table_.shared().find_scalar(key);
    return value ? std::optional(*value) : std::nullopt;
  }
  std::optional<double> option(const Parameter& parameter, std::string_view key) const override {
    const ParamRow* row = table_.find(parameter);
    return row ? numeric_option(table_.options(row->group), key) : std::nullopt;
  }
  double kept_by_decay(const Parameter& parameter, double lr_scale) const override {
    bool decoupled = option(parameter, "decoupled").value_or(0) != 0;
    if constexpr (requires { R::kDecoupled; }) decoupled = R::kDecoupled;
    if (!decoupled) return 1;
    return 1 - lr_scale * option(parameter, "lr").value_or(0) * option(parameter, "weight_decay").value_or(0);
  }
  std::size_t state_bytes() const override { return table_.state_bytes(); }
  SavedState save_state() const override {
    SavedState out;
    table_.save(out);
    return out;
  }
  void load_state(const SavedState& saved) override { table_.load(saved); }

  void use_evaluation_weights(bool on) override {
    if constexpr (requires(const Options& o) { R::evaluation_slot(o); }) {
      for (ParamRow& row : table_.rows()) {
        const char* key = R::evaluation_slot(table_.options(row.group));
        const Tensor* weights = key ? row.state.find(key) : nullptr;
        if (!weights) continue;
        if (on) kept_[row.parameter->name] = row.parameter->value.clone();
        row.parameter->value.copy_from(on ? *weights : kept_.at(row.parameter->name));
      }
      if (!on) kept_.clear();
    }
  }

 private:
  static void run(Pass<Options>& pass) {
    if constexpr (requires { R::step(pass); }) {
      R::step(pass);
    } else if constexpr (requires { R::prepare(pass); }) {
      const auto prepared = R::prepare(pass);
      for (auto& item : pass.items) R::update(item.p, item.s, item.o, pass.info_of(item), prepared);
    } else {
      for (auto& item : pass.items) R::update(item.p, item.s, item.o, pass.info_of(item));
    }
  }

  std::string name_;
  ParamTable<Options> table_;
  std::map<std::string, Tensor> kept_;  // training weights while the evaluation weights are in place
};

/// The registry entry of rule R.
template <class R>
OptimizerEntry rule_entry(OptimizerText text) {
  OptimizerEntry entry{std::move(text), false, describe_options<typename R::Options>(), nullptr};
  entry.make = [name = entry.text.name](const Spec& spec, const Parameters& parameters,
                                        const std::vector<GroupSpec>& groups) -> OptimizerPtr {
    if (!spec.inner.empty()) fail<UsageError>("optimizer {} does not wrap another: '{}'", name, spec.str());
    return std::make_unique<RuleOptimizer<R>>(name, spec.options, parameters, groups);
  };
  return entry;
}

}  // namespace gradus
