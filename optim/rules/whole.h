// Words shared by rules that treat all parameters as one vector: sums over a pass, the same batch at other weights,
// products with its Hessian.
#pragma once

#include <cmath>
#include <functional>
#include <span>
#include <vector>

#include "optim/rule.h"

namespace gradus::rules {

/// The sum of term(item) over all items, in double.
template <class Options, class Term>
double total(const Pass<Options>& pass, const Term& term) {
  double sum = 0;
  for (const auto& item : pass.items) sum += term(item);
  return sum;
}

/// sqrt(sum of ||g||^2) over all items.
template <class Options>
double gradient_norm(const Pass<Options>& pass) {
  return std::sqrt(total(pass, [](const auto& item) { return sum_of_squares(item.p.grad); }));
}

/// The mean of second moments over all elements of all tensors, each by its own correction.
struct MeanOverAll {
  double sum = 0, count = 0;
  void add(const Tensor& v, double correction) {
    sum += sum_elements(v, [](real x) { return static_cast<double>(x); }) / correction;
    count += static_cast<double>(v.numel());
  }
  double value() const { return count > 0 ? sum / count : 0; }
};

/// g + l2*w, to be read: the gradient itself where l2 = 0.
const Tensor decayed_gradient(const Param& p, double l2);

/// Which parameters of the objective a pass works on, by name.
class Around {
 public:
  template <class Options>
  explicit Around(const Pass<Options>& pass) : Around(pass.objective) {
    for (const auto& item : pass.items) add(item.p.name);
  }

  /// Gradients of `objective` (over the same parameters) at the present weights, one per item; Parameter::grad keeps
  /// that of the step. Throws NumericError if one is not finite.
  std::vector<Tensor> gradients(Objective& objective);
  std::vector<Tensor> gradients() { return gradients(objective_); }
  /// The same, and the loss there.
  std::vector<Tensor> gradients(Objective& objective, double& loss);
  std::vector<Tensor> gradients(double& loss) { return gradients(objective_, loss); }
  /// Hessian times v, one tensor per item.
  std::vector<Tensor> hessian_times(std::span<const Tensor> v);
  /// One tensor per item out of one per parameter of the objective.
  std::vector<Tensor> of_items(const std::vector<Tensor>& all) const;
  /// The items' tensors as one vector over all trained parameters of the objective, zeros for the others; and back.
  Tensor flatten(std::span<const Tensor> parts) const;
  std::vector<Tensor> unflatten(const Tensor& flat) const;

 private:
  explicit Around(Objective& objective) : objective_(objective) {}
  void add(const std::string& name);

  Objective& objective_;
  std::vector<size_t> positions_;  // of the items among the objective's parameters
};

/// The weights of a pass kept aside while a method tries others; put back when it goes unless keep() was called.
class TrialWeights {
 public:
  template <class Options>
  explicit TrialWeights(const Pass<Options>& pass) {
    for (const auto& item : pass.items) add(item.p.data);
  }
  ~TrialWeights();
  TrialWeights(const TrialWeights&) = delete;
  TrialWeights& operator=(const TrialWeights&) = delete;

  const Tensor& operator[](size_t i) const { return before_[i]; }
  void restore();
  void keep() { kept_ = true; }
  /// weights = before + factor*moves.
  void move_to(std::span<const Tensor> moves, double factor = 1);

 private:
  void add(const Tensor& weights);

  std::vector<Tensor> live_, before_;
  bool kept_ = false;
};

}  // namespace gradus::rules
