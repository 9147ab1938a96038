#include "optim/wrappers/refine.h"

#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

// The gradient, zeros where the loss does not depend on the parameter there.
Tensor gradient_or_zeros(const Parameter& p) {
  return p.grad.defined() ? p.grad.detach() : Tensor::zeros(p.value.shape());
}

}  // namespace

NeighbourhoodBase::NeighbourhoodBase(Objective& objective, std::vector<ParameterPtr> active)
    : objective_(objective), active_(std::move(active)) {
  for (const auto& p : active_) {
    weights_.push_back(p->value.clone());
    gradients_.push_back(p->grad.detach());  // evaluations elsewhere make tensors of their own
  }
}

double NeighbourhoodBase::gradient_norm() const {
  double square = 0;
  for (const Tensor& g : gradients_) square += sum_of_squares(g);
  return std::sqrt(square);
}

std::vector<Tensor> NeighbourhoodBase::gradients_at(std::span<const Tensor> moves, double factor) {
  for (size_t i = 0; i < size(); ++i) {
    Tensor value = active_[i]->value.detach();
    for_each_element(value, weights_[i], moves[i],
                     [f = static_cast<real>(factor)](real& w, real from, real move) { w = from + f * move; });
    active_[i]->grad = Tensor();
  }
  const auto put_back = [&] {
    for (size_t i = 0; i < size(); ++i) active_[i]->value.copy_from(weights_[i]);
  };
  try {
    objective_.gradient();
  } catch (...) {
    put_back();
    throw;
  }
  put_back();
  std::vector<Tensor> found;
  for (const auto& p : active_) {
    found.push_back(gradient_or_zeros(*p));
    if (!all_finite(found.back()))
      fail<NumericError>("the gradient of '{}' at the perturbed weights is not finite; nothing was changed",
                         p->name);
  }
  return found;
}

std::vector<Tensor> NeighbourhoodBase::hessian_times(std::span<const Tensor> v) {
  std::vector<Tensor> all, found;
  std::vector<size_t> at(size());
  for (const auto& p : objective_.parameters()) {
    size_t i = 0;
    while (i < size() && active_[i] != p) ++i;
    if (i < size()) at[i] = all.size();
    all.push_back(i < size() ? v[i] : p->frozen ? Tensor() : Tensor::zeros(p->value.shape()));
  }
  const std::vector<Tensor> products = objective_.hvp(all);
  for (size_t i = 0; i < size(); ++i) {
    const Tensor& product = products[at[i]];
    found.push_back(product.defined() ? product.detach() : Tensor::zeros(active_[i]->value.shape()));
  }
  return found;
}

void check_refinable(const Needs& inner, const std::string& wrapper, const std::string& optimizer) {
  if (inner.hvp || inner.per_sample || inner.gauss_newton || inner.second_batch)
    fail<UsageError>(
        "optimizer {0} cannot wrap {1}: {1} takes more of the loss than its gradient, and {0} replaces only "
        "that",
        wrapper, optimizer);
}

}  // namespace gradus
