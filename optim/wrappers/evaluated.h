// Wrappers whose weights to evaluate are others than those that are trained.
#pragma once

#include <map>
#include <string>

#include "optim/wrapper.h"

namespace gradus {

/// Exchanges weights for evaluation; a subclass says by what.
template <class O>
class EvaluatedWeights : public Wrapper<O> {
 public:
  using Wrapper<O>::Wrapper;

  void use_evaluation_weights(bool on) override {
    if (on) this->inner().use_evaluation_weights(true);
    for (ParamRow& row : this->table().rows()) {
      Parameter& p = *row.parameter;
      if (on) {
        Tensor weights = p.value.clone();
        if (!evaluated(row, weights)) continue;
        kept_[p.name] = p.value.clone();
        p.value.copy_from(weights);
      } else if (const auto found = kept_.find(p.name); found != kept_.end()) {
        p.value.copy_from(found->second);
      }
    }
    if (!on) {
      kept_.clear();
      this->inner().use_evaluation_weights(false);
    }
  }

 protected:
  /// Writes the weights to evaluate over a copy of those trained; false if they are the same.
  virtual bool evaluated(ParamRow& row, Tensor& weights) = 0;

 private:
  std::map<std::string, Tensor> kept_;  // training weights while the others are in place
};

/// Means of the weights after each step: the rule inside trains as ever.
template <class O>
class MeanOfWeights : public EvaluatedWeights<O> {
 public:
  using EvaluatedWeights<O>::EvaluatedWeights;

  void apply(Objective& objective, const StepInfo& info) final {
    this->inner().apply(objective, info);
    ++this->table().steps;
    for (ParamRow& row : this->table().rows()) {
      if (!row.active()) continue;
      ++row.steps;
      observe(row, row.parameter->value, this->options(row.group));
    }
  }

 protected:
  /// Takes note of the weights after step row.steps.
  virtual void observe(ParamRow& row, const Tensor& weights, const O& o) = 0;
};

}  // namespace gradus
