// The optimizer interface: what a trainer, a wrapper and a checkpoint see of any rule.
//
//   auto optimizer = make_optimizer("adamw:lr=1e-3", model.parameters(), {parse_group("kind=bias:weight_decay=0")});
//   optimizer->step(objective, schedule->scale(step));    // the optimizer asks the objective for what it needs
//   optimizer->step(schedule->scale(step), loss);         // or, in a loop that has filled Parameter::grad itself
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "autograd/parameter.h"
#include "optim/objective.h"
#include "optim/state.h"

namespace gradus {

/// What a rule knows about the step it makes.
struct StepInfo {
  int64 t = 0;          ///< steps of this parameter with a gradient, counting this one (1, 2, ...)
  int64 step = 0;       ///< steps of the optimizer, counting this one
  double lr_scale = 1;  ///< factor of the schedule on every step size
  bool finish = false;  ///< no batch, and no gradients: what is pending makes a step (Optimizer::finish)
  double loss = std::numeric_limits<double>::quiet_NaN();  ///< of the batch; NaN where nobody asked for it
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One step on the batch: evaluates loss and gradient, then updates. Returns the loss.
  /// `lr_scale` >= 0 multiplies the step size. Throws UsageError naming optimizer and need if the objective
  /// cannot give what needs() lists, NumericError if a gradient is not finite (nothing has changed then).
  double step(Objective& objective, double lr_scale = 1);
  /// One step with the gradients that Parameter::grad holds now. A parameter that is frozen or whose gradient
  /// is undefined keeps its value and its state.
  void step(double lr_scale = 1, double loss = std::numeric_limits<double>::quiet_NaN());

  /// The part of step() behind the gradient evaluation: for wrappers around this optimizer.
  virtual void apply(Objective& objective, const StepInfo& info) = 0;

  /// The spec it was made from, with every option: "adam:lr=0.001,beta1=0.9,...".
  virtual std::string spec() const = 0;
  /// The registry name.
  virtual const std::string& name() const = 0;
  virtual const Parameters& parameters() const = 0;
  /// From now on this parameter is trained too, with fresh state, in the group it matches.
  virtual void add_parameter(ParameterPtr parameter) = 0;
  /// What this optimizer asks of the objective.
  virtual Needs needs() const = 0;

  /// A slot of the parameter's state, or null: momentum for wrappers, moments for diagnostics.
  virtual const Tensor* slot(const Parameter& parameter, std::string_view name) const = 0;
  /// A number the method keeps for all parameters together (a step size found, an energy), if it has it.
  virtual std::optional<double> scalar(std::string_view name) const = 0;
  /// A numeric option as it holds for this parameter ("lr"), if the rule has it.
  virtual std::optional<double> option(const Parameter& parameter, std::string_view key) const = 0;
  /// By how much decoupled weight decay alone shrinks the parameter in a step at this scale: 1 - lr*weight_decay; 1
  /// for a rule without it. Wrappers that change the rule's direction leave its decay alone by this.
  virtual double kept_by_decay(const Parameter& /*parameter*/, double /*lr_scale*/) const { return 1; }
  /// Bytes of state over all parameters.
  virtual std::size_t state_bytes() const = 0;

  /// Methods whose result is not the weights they evaluate gradients at (averages, look-ahead) exchange them
  /// here: true puts the weights to evaluate in place, false the ones to train.
  virtual void use_evaluation_weights(bool /*on*/) {}

  /// Whether batches that step() was given wait for more of their kind before they move a weight (gradients that are
  /// accumulated).
  virtual bool pending() const { return false; }
  /// No more batches come: the pending ones make a step of their own. Nothing happens where there are none. lr_scale as
  /// for step().
  void finish(double lr_scale = 1);

  /// Whether the weights it leaves after a step may lie far from those that gradients were evaluated at (slow weights it
  /// returns to): statistics taken in training passes do not belong to them then.
  virtual bool leaves_path() const { return false; }

  /// Everything needed to continue bit for bit.
  virtual SavedState save_state() const = 0;
  /// The opposite; parameters keep their values. Throws DataError, and changes nothing, if an entry belongs
  /// to no parameter. (A slot of a wrong shape is refused when the rule first asks for it.)
  virtual void load_state(const SavedState& saved) = 0;
};

using OptimizerPtr = std::unique_ptr<Optimizer>;

/// Entries of `all` below "prefix", without it.
SavedState saved_below(const SavedState& all, const std::string& prefix);
/// Adds the entries of `part` to `all` below "prefix".
void save_below(const std::string& prefix, const SavedState& part, SavedState& all);

}  // namespace gradus
