#include "apps/continual/descent.h"

#include <cmath>
#include <numbers>

#include "optim/registry.h"

namespace gradus {

Descent::Descent(const std::string& optim, std::span<const Tensor> start) : optim_(optim) {
  this->start(start);
}

void Descent::start(std::span<const Tensor> values) {
  parameters_.clear();
  optimizer_ = nullptr;
  if (values.empty()) return;
  for (const Tensor& t : values)
    parameters_.push_back(
        make_parameter(fmt::format("p{}", parameters_.size()), ParamKind::kWeight, t.clone()));
  optimizer_ = make_optimizer(optim_, parameters_);
}

std::vector<Tensor> Descent::values() const {
  std::vector<Tensor> all;
  for (const ParameterPtr& p : parameters_) all.push_back(p->value);
  return all;
}

std::vector<Tensor> Descent::copies() const {
  std::vector<Tensor> all;
  for (const ParameterPtr& p : parameters_) all.push_back(p->value.clone());
  return all;
}

void Descent::step(std::span<const Tensor> grads, double lr_scale) {
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i]->grad = grads[i];
  optimizer_->step(lr_scale);
}

void Descent::state(const StateArchive& archive) {
  std::vector<Tensor> values = copies();
  SavedState optimizer;
  if (optimizer_) optimizer = optimizer_->save_state();
  archive("values", values);
  archive("optimizer", optimizer);
  if (!archive.loads()) return;
  start(values);
  if (optimizer_) optimizer_->load_state(optimizer);
}

double half_cosine(int64 s, int64 steps) {
  return 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(s) / static_cast<double>(steps)));
}

}  // namespace gradus
