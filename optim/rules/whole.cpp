#include "optim/rules/whole.h"

#include "core/error.h"

namespace gradus::rules {

const Tensor decayed_gradient(const Param& p, double l2) {
  if (l2 == 0) return p.grad;
  Tensor g = p.grad.clone();
  const Tensor& weights = p.data;
  for_each_element(g, weights, [c = static_cast<real>(l2)](real& x, real w) { x += c * w; });
  return g;
}

void Around::add(const std::string& name) {
  const Parameters& all = objective_.parameters();
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i]->name == name) {
      positions_.push_back(i);
      return;
    }
  fail<UsageError>("the objective has no parameter '{}' that the optimizer trains", name);
}

std::vector<Tensor> Around::gradients(Objective& objective) {
  double loss = 0;
  return gradients(objective, loss);
}

std::vector<Tensor> Around::gradients(Objective& objective, double& loss) {
  const Parameters& all = objective_.parameters();
  std::vector<Tensor> kept, found;
  // Out of the way, so that the evaluation cannot write into the tensors of the step.
  for (const auto& p : all) kept.push_back(std::exchange(p->grad, Tensor()));
  const auto put_back = [&] {
    for (size_t i = 0; i < all.size(); ++i) all[i]->grad = kept[i];
  };
  try {
    loss = objective.gradient();
  } catch (...) {
    put_back();
    throw;
  }
  for (size_t i : positions_)
    found.push_back(all[i]->grad.defined() ? all[i]->grad.detach() : Tensor::zeros(all[i]->value.shape()));
  put_back();
  for (size_t i = 0; i < found.size(); ++i)
    if (!all_finite(found[i]))
      fail<NumericError>("the gradient of '{}' at trial weights is not finite; nothing was changed",
                         all[positions_[i]]->name);
  return found;
}

std::vector<Tensor> Around::hessian_times(std::span<const Tensor> v) {
  const Parameters& parameters = objective_.parameters();
  std::vector<Tensor> all(parameters.size());
  for (size_t i = 0; i < positions_.size(); ++i) all[positions_[i]] = v[i];
  for (size_t i = 0; i < all.size(); ++i)
    if (!all[i].defined() && !parameters[i]->frozen) all[i] = Tensor::zeros(parameters[i]->value.shape());
  std::vector<Tensor> products = of_items(objective_.hvp(all));
  for (size_t i = 0; i < products.size(); ++i) {
    if (!products[i].defined()) products[i] = Tensor::zeros(v[i].shape());
    if (!all_finite(products[i]))
      fail<NumericError>("a Hessian product for '{}' is not finite; nothing was changed",
                         objective_.parameters()[positions_[i]]->name);
  }
  return products;
}

std::vector<Tensor> Around::of_items(const std::vector<Tensor>& all) const {
  std::vector<Tensor> out;
  for (size_t i : positions_) out.push_back(all[i].defined() ? all[i].detach() : Tensor());
  return out;
}

Tensor Around::flatten(std::span<const Tensor> parts) const {
  int64 size = 0;
  for (const auto& p : objective_.parameters()) size += p->frozen ? 0 : p->value.numel();
  Tensor flat = Tensor::zeros(Shape{size});
  real* to = flat.mutable_data();
  for (size_t i = 0; i < objective_.parameters().size(); ++i) {
    const Parameter& p = *objective_.parameters()[i];
    if (p.frozen) continue;
    for (size_t j = 0; j < positions_.size(); ++j)
      if (positions_[j] == i) std::copy_n(parts[j].data(), parts[j].numel(), to);
    to += p.value.numel();
  }
  return flat;
}

std::vector<Tensor> Around::unflatten(const Tensor& flat) const {
  std::vector<Tensor> parts(positions_.size());
  const real* from = flat.data();
  for (size_t i = 0; i < objective_.parameters().size(); ++i) {
    const Parameter& p = *objective_.parameters()[i];
    if (p.frozen) continue;
    for (size_t j = 0; j < positions_.size(); ++j)
      if (positions_[j] == i)
        parts[j] = Tensor::from(p.value.shape(), {from, static_cast<size_t>(p.value.numel())});
    from += p.value.numel();
  }
  return parts;
}

TrialWeights::~TrialWeights() {
  if (!kept_) restore();
}

void TrialWeights::add(const Tensor& weights) {
  live_.push_back(weights);
  before_.push_back(weights.clone());
}

void TrialWeights::restore() {
  for (size_t i = 0; i < live_.size(); ++i) live_[i].copy_from(before_[i]);
}

void TrialWeights::move_to(std::span<const Tensor> moves, double factor) {
  for (size_t i = 0; i < live_.size(); ++i)
    for_each_element(live_[i], before_[i], moves[i],
                     [f = static_cast<real>(factor)](real& w, real from, real move) { w = from + f * move; });
}

}  // namespace gradus::rules
