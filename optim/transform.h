// Gradient transforms: optimizers that only change the gradient before the one inside sees it. They chain by
// nesting: "clip-value(clip-norm(adam:lr=1e-3):max_norm=1):max_value=0.1" clips values first.
//
// A transform T has an Options struct and `static void transform(Gradients<Options>&)`.
#pragma once

#include <vector>

#include "optim/elements.h"
#include "optim/wrapper.h"

namespace gradus {

/// One gradient to transform, in place.
template <class Options>
struct GradientItem {
  const std::string& name;
  ParamKind kind;
  const Tensor data;  ///< the weights
  Tensor grad;
  State& s;
  const Options& o;
  int64 t;  ///< steps of this parameter, counting this one
};

template <class Options>
struct Gradients {
  std::vector<GradientItem<Options>> items;
  State& shared;
  const Options& options;
  int64 step;  ///< steps of the optimizer, counting this one
  /// False for further evaluations on the same batch (at other weights): transforms with a memory leave it as
  /// it is.
  bool first;
  Objective& objective;
};

/// The gradient of p for changing in place, with storage of its own.
Tensor own_gradient(Parameter& p);

/// The rule inside sees every gradient of this batch transformed, also those it asks for at other weights.
template <class T>
class TransformWrapper final : public Wrapper<typename T::Options> {
  using Base = Wrapper<typename T::Options>;

 public:
  using Options = typename T::Options;
  using Base::Base;

  void apply(Objective& objective, const StepInfo& info) override {
    if (!info.finish) {
      ++this->table().steps;
      for (ParamRow& row : this->table().rows()) row.steps += row.active();
      transform(true, objective);
    }
    Seen seen(*this, objective);
    this->inner().apply(seen, info);
  }

 private:
  // The objective with transformed gradients.
  class Seen final : public Objective {
   public:
    Seen(TransformWrapper& wrapper, Objective& objective) : wrapper_(wrapper), objective_(objective) {}
    const Parameters& parameters() const override { return objective_.parameters(); }
    Needs offers() const override { return objective_.offers(); }
    double loss() override { return objective_.loss(); }
    double gradient() override {
      const double value = objective_.gradient();
      wrapper_.transform(false, objective_);
      return value;
    }
    std::vector<Tensor> hvp(std::span<const Tensor> v) override { return objective_.hvp(v); }
    std::vector<Tensor> per_sample_gradients() override { return objective_.per_sample_gradients(); }
    GaussNewton gauss_newton() override { return objective_.gauss_newton(); }
    Objective& second_batch() override { return objective_.second_batch(); }
    std::vector<Tensor> full_gradient() override { return objective_.full_gradient(); }
    SampledGradient sampled_gradient(const Rng& rng) override { return objective_.sampled_gradient(rng); }
    const PrescribedDraws* prescribed_draws() const override { return objective_.prescribed_draws(); }

   private:
    TransformWrapper& wrapper_;
    Objective& objective_;
  };

  void transform(bool first, Objective& objective) {
    auto& table = this->table();
    Gradients<Options> all{{}, table.shared(), table.options(), table.steps, first, objective};
    for (ParamRow& row : table.rows())
      if (row.active())
        all.items.push_back({row.parameter->name, row.parameter->kind, row.parameter->value.detach(),
                             own_gradient(*row.parameter), row.state, table.options(row.group), row.steps});
    T::transform(all);
  }
};

/// The registry entry of transform T.
template <class T>
OptimizerEntry transform_entry(OptimizerText text,
                               const std::source_location& where = std::source_location::current()) {
  OptimizerEntry entry = wrapper_entry<TransformWrapper<T>>(std::move(text), where);
  entry.transforms = true;
  return entry;
}

}  // namespace gradus
