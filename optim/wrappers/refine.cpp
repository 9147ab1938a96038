#include "optim/wrappers/refine.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

// The gradient, zeros where the loss does not depend on the parameter there.
Tensor gradient_or_zeros(const Parameter& p) {
  return p.grad.defined() ? p.grad.detach() : Tensor::zeros(p.value.shape());
}

}  // namespace

double dot(std::span<const Tensor> a, std::span<const Tensor> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += dot(a[i], b[i]);
  return sum;
}

double norm(std::span<const Tensor> a) {
  double square = 0;
  for (const Tensor& t : a) square += sum_of_squares(t);
  return std::sqrt(square);
}

NeighbourhoodBase::NeighbourhoodBase(Objective& objective, std::vector<ParamRow*> active,
                                     const StepInfo& step, bool is_first)
    : info(step), first(is_first), objective_(objective), active_(std::move(active)) {
  for (const ParamRow* row : active_) {
    weights_.push_back(row->parameter->value.clone());
    gradients_.push_back(row->parameter->grad.detach());  // evaluations elsewhere make tensors of their own
  }
}

std::vector<Tensor> NeighbourhoodBase::gradients_at(std::span<const Tensor> moves, double factor) {
  for (size_t i = 0; i < size(); ++i) {
    Tensor value = active_[i]->parameter->value.detach();
    for_each_element(value, weights_[i], moves[i],
                     [f = static_cast<real>(factor)](real& w, real from, real move) { w = from + f * move; });
  }
  return evaluate_and_return();
}

std::vector<Tensor> NeighbourhoodBase::gradients_with(std::span<const Tensor> values) {
  for (size_t i = 0; i < size(); ++i) active_[i]->parameter->value.copy_from(values[i]);
  return evaluate_and_return();
}

std::vector<Tensor> NeighbourhoodBase::evaluate_and_return() {
  for (ParamRow* row : active_) row->parameter->grad = Tensor();
  const auto put_back = [&] {
    for (size_t i = 0; i < size(); ++i) active_[i]->parameter->value.copy_from(weights_[i]);
  };
  try {
    objective_.gradient();
  } catch (...) {
    put_back();
    throw;
  }
  put_back();
  std::vector<Tensor> found;
  for (const ParamRow* row : active_) {
    found.push_back(gradient_or_zeros(*row->parameter));
    if (!all_finite(found.back()))
      fail<NumericError>("the gradient of '{}' at the perturbed weights is not finite; nothing was changed",
                         row->parameter->name);
  }
  return found;
}

std::vector<Tensor> NeighbourhoodBase::of_active(const std::vector<Tensor>& all) const {
  const Parameters& parameters = objective_.parameters();
  std::vector<Tensor> found;
  for (const ParamRow* row : active_) {
    const auto at = std::find(parameters.begin(), parameters.end(), row->parameter);
    const Tensor t = at == parameters.end() ? Tensor() : all[static_cast<size_t>(at - parameters.begin())];
    found.push_back(t.defined() ? t.detach() : Tensor::zeros(row->parameter->value.shape()));
  }
  return found;
}

void NeighbourhoodBase::replace(std::span<const Tensor> gradients) {
  for (size_t i = 0; i < size(); ++i) active_[i]->parameter->grad = gradients[i];
}

std::vector<Tensor> NeighbourhoodBase::hessian_times(std::span<const Tensor> v) {
  std::vector<Tensor> all;
  for (const auto& p : objective_.parameters()) {
    size_t i = 0;
    while (i < size() && active_[i]->parameter != p) ++i;
    all.push_back(i < size() ? v[i] : p->frozen ? Tensor() : Tensor::zeros(p->value.shape()));
  }
  return of_active(objective_.hvp(all));
}

void check_refinable(const Needs& inner, const std::string& wrapper, const std::string& optimizer) {
  if (inner.beyond({.loss = true, .re_evaluation = true}))
    fail<UsageError>(
        "optimizer {0} cannot wrap {1}: {1} takes more of the loss than its gradient, and {0} replaces only "
        "that",
        wrapper, optimizer);
}

}  // namespace gradus
