// Wrappers that replace the gradient of the batch by one found near the present weights (SAM and its kin): the rule
// inside sees only the replacement.
//
// A refinement R has an Options struct and
//   static Needs needs(const Options&)                            what it asks of the objective
//   static std::vector<Tensor> refine(Neighbourhood<Options>&)    the gradients to use, one per active parameter
#pragma once

#include <vector>

#include "optim/elements.h"
#include "optim/wrapper.h"

namespace gradus {

/// The weights of one step, their gradients, and the loss around them.
class NeighbourhoodBase {
 public:
  NeighbourhoodBase(Objective& objective, std::vector<ParameterPtr> active);

  size_t size() const { return active_.size(); }
  /// Of the i-th active parameter, at the weights of the step.
  const Tensor& weights(size_t i) const { return weights_[i]; }
  const Tensor& gradient(size_t i) const { return gradients_[i]; }
  /// sqrt(sum over all active parameters of ||gradient||^2).
  double gradient_norm() const;
  /// Gradients of the same batch at weights + factor*moves; the weights are put back exactly afterwards.
  std::vector<Tensor> gradients_at(std::span<const Tensor> moves, double factor = 1);
  /// Hessian times v, one tensor per active parameter.
  std::vector<Tensor> hessian_times(std::span<const Tensor> v);

 private:
  Objective& objective_;
  std::vector<ParameterPtr> active_;
  std::vector<Tensor> weights_, gradients_;
};

template <class Options>
class Neighbourhood : public NeighbourhoodBase {
 public:
  Neighbourhood(Objective& objective, std::vector<ParameterPtr> active, const Options& o)
      : NeighbourhoodBase(objective, std::move(active)), options(o) {}
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
    if (!info.finish) {
      ++this->table().steps;
      refine(objective);
    }
    Seen seen(*this, objective);
    this->inner().apply(seen, info);
  }

 private:
  // The objective whose gradient is the refined one.
  class Seen final : public Objective {
   public:
    Seen(RefineWrapper& wrapper, Objective& objective) : wrapper_(wrapper), objective_(objective) {}
    const Parameters& parameters() const override { return objective_.parameters(); }
    Needs offers() const override {
      const Needs all = objective_.offers();
      return {.loss = all.loss, .re_evaluation = all.re_evaluation};
    }
    double loss() override { return objective_.loss(); }
    const PrescribedDraws* prescribed_draws() const override { return objective_.prescribed_draws(); }
    double gradient() override {
      const double value = objective_.gradient();
      wrapper_.refine(objective_);
      return value;
    }

   private:
    RefineWrapper& wrapper_;
    Objective& objective_;
  };

  void refine(Objective& objective) {
    std::vector<ParameterPtr> active;
    for (ParamRow& row : this->table().rows())
      if (row.active()) active.push_back(row.parameter);
    Neighbourhood<Options> around(objective, active, this->options());
    const std::vector<Tensor> refined = R::refine(around);
    for (size_t i = 0; i < active.size(); ++i) active[i]->grad = refined[i];
  }
};

template <class R>
OptimizerEntry refine_entry(OptimizerText text,
                            const std::source_location& where = std::source_location::current()) {
  return wrapper_entry<RefineWrapper<R>>(std::move(text), where);
}

}  // namespace gradus
