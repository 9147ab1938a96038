// Wrappers that replace the gradient of the batch by one found near the present weights (SAM and its kin): the rule
// inside sees only the replacement.
//
// A refinement R has an Options struct and
//   static Needs needs(const Options&)                            what it asks of the objective
//   static std::vector<Tensor> refine(Neighbourhood<Options>&)    the gradients to use, one per active parameter
// and may have
//   static void after(Neighbourhood<Options>&, const Optimizer&)  changes the weights once the rule inside has moved them
// A rule inside that evaluates the batch at other weights gets refined gradients there too; `first` is false then, and a
// refinement with a memory leaves it as it is.
#pragma once

#include <vector>

#include "optim/elements.h"
#include "optim/wrapper.h"

namespace gradus {

/// Over all tensors as one vector.
double dot(std::span<const Tensor> a, std::span<const Tensor> b);
double norm(std::span<const Tensor> a);

/// The weights of one step, their gradients, and the loss around them.
class NeighbourhoodBase {
 public:
  NeighbourhoodBase(Objective& objective, std::vector<ParamRow*> active, const StepInfo& step,
                    bool is_first);

  const StepInfo info;  ///< of the wrapper's step; t is 0
  const bool first;     ///< of the step's evaluations

  size_t size() const { return active_.size(); }
  /// The i-th active parameter, at its live weights, and the wrapper's state of it.
  const Parameter& parameter(size_t i) const { return *active_[i]->parameter; }
  State& state(size_t i) { return active_[i]->state; }
  Objective& objective() { return objective_; }
  /// Of the i-th active parameter, at the weights of the step.
  const Tensor& weights(size_t i) const { return weights_[i]; }
  const Tensor& gradient(size_t i) const { return gradients_[i]; }
  const std::vector<Tensor>& gradients() const { return gradients_; }
  /// sqrt(sum over all active parameters of ||gradient||^2).
  double gradient_norm() const { return norm(gradients_); }
  /// Gradients of the same batch at weights + factor*moves; the weights are put back exactly afterwards.
  std::vector<Tensor> gradients_at(std::span<const Tensor> moves, double factor = 1);
  /// At these weights.
  std::vector<Tensor> gradients_with(std::span<const Tensor> values);
  /// At the weights + rho*d/(||d|| + 1e-12): SAM's point for d = gradients().
  std::vector<Tensor> gradients_towards(std::span<const Tensor> d, double rho) {
    return gradients_at(d, rho / (norm(d) + 1e-12));
  }
  /// One tensor per active parameter out of one per parameter of the objective; zeros where it has none.
  std::vector<Tensor> of_active(const std::vector<Tensor>& all) const;
  /// Hessian times v, one tensor per active parameter.
  std::vector<Tensor> hessian_times(std::span<const Tensor> v);
  /// The gradients that the rule inside is to see.
  void replace(std::span<const Tensor> gradients);

  /// What a refinement finds and its after() uses.
  std::vector<Tensor> kept;

 private:
  /// Gradients at the present weights; then the step's weights are put back.
  std::vector<Tensor> evaluate_and_return();

  Objective& objective_;
  std::vector<ParamRow*> active_;
  std::vector<Tensor> weights_, gradients_;
};

template <class Options>
class Neighbourhood : public NeighbourhoodBase {
 public:
  Neighbourhood(Objective& objective, std::vector<ParamRow*> active, const StepInfo& step, bool is_first,
                const Options& o)
      : NeighbourhoodBase(objective, std::move(active), step, is_first), options(o) {}
  const Options& options;
};

/// Throws UsageError if the optimizer inside wants derivatives of the unrefined loss.
void check_refinable(const Needs& inner, const std::string& wrapper, const std::string& optimizer);

template <class R>
class RefineWrapper final : public Wrapper<typename R::Options> {
  using Base = Wrapper<typename R::Options>;

 public:
  using Options = typename R::Options;

  RefineWrapper(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : Base(spec, parameters, groups) {
    check_refinable(this->inner().needs(), this->name(), this->inner().name());
  }

  Needs needs() const override { return this->inner().needs() | R::needs(this->options()); }

  void apply(Objective& objective, const StepInfo& info) override {
    Seen seen(*this, objective, info);
    if (info.finish) return this->inner().apply(seen, info);
    ++this->table().steps;
    Neighbourhood<Options> near = around(objective, info, true);
    near.replace(R::refine(near));
    this->inner().apply(seen, info);
    if constexpr (requires { R::after(near, this->inner()); }) R::after(near, this->inner());
  }

 private:
  // The objective whose gradient is the refined one.
  class Seen final : public Objective {
   public:
    Seen(RefineWrapper& wrapper, Objective& objective, const StepInfo& info)
        : wrapper_(wrapper), objective_(objective), info_(info) {}
    const Parameters& parameters() const override { return objective_.parameters(); }
    Needs offers() const override {
      const Needs all = objective_.offers();
      return {.loss = all.loss, .re_evaluation = all.re_evaluation};
    }
    double loss() override { return objective_.loss(); }
    const PrescribedDraws* prescribed_draws() const override { return objective_.prescribed_draws(); }
    double gradient() override {
      const double value = objective_.gradient();
      Neighbourhood<Options> near = wrapper_.around(objective_, info_, false);
      near.replace(R::refine(near));
      return value;
    }

   private:
    RefineWrapper& wrapper_;
    Objective& objective_;
    const StepInfo& info_;
  };

  Neighbourhood<Options> around(Objective& objective, StepInfo info, bool first) {
    info.step = this->table().steps;
    std::vector<ParamRow*> active;
    for (ParamRow& row : this->table().rows())
      if (row.active()) active.push_back(&row);
    return Neighbourhood<Options>(objective, std::move(active), info, first, this->options());
  }
};

template <class R>
OptimizerEntry refine_entry(OptimizerText text,
                            const std::source_location& where = std::source_location::current()) {
  return wrapper_entry<RefineWrapper<R>>(std::move(text), where);
}

}  // namespace gradus
