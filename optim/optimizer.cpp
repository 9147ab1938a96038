#include "optim/optimizer.h"

#include <cmath>

#include "core/error.h"

namespace gradus {
namespace {

void check_scale(double lr_scale, const std::string& name) {
  if (!(lr_scale >= 0) || !std::isfinite(lr_scale))
    fail<UsageError>("optimizer {}: the schedule's factor must be a finite number >= 0, not {}", name,
                     lr_scale);
}

}  // namespace

double Optimizer::step(Objective& objective, double lr_scale) {
  check_scale(lr_scale, name());
  require(needs(), objective.offers(), name());
  const double loss = objective.gradient();
  check_gradients(parameters(), name());
  apply(objective, {.lr_scale = lr_scale, .loss = loss});
  return loss;
}

void Optimizer::step(double lr_scale, double loss) {
  check_scale(lr_scale, name());
  GivenGradients given(parameters(), loss);
  require(needs(), given.offers(), name());
  check_gradients(parameters(), name());
  apply(given, {.lr_scale = lr_scale, .loss = loss});
}

void Optimizer::finish(double lr_scale) {
  check_scale(lr_scale, name());
  if (!pending()) return;
  for (const auto& p : parameters()) p->grad = Tensor();
  GivenGradients none(parameters(), std::numeric_limits<double>::quiet_NaN());
  apply(none, {.lr_scale = lr_scale, .finish = true});
}

SavedState saved_below(const SavedState& all, const std::string& prefix) {
  SavedState part;
  for (const auto& [key, value] : all.tensors)
    if (key.starts_with(prefix)) part.tensors.emplace(key.substr(prefix.size()), value);
  for (const auto& [key, value] : all.scalars)
    if (key.starts_with(prefix)) part.scalars.emplace(key.substr(prefix.size()), value);
  return part;
}

void save_below(const std::string& prefix, const SavedState& part, SavedState& all) {
  for (const auto& [key, value] : part.tensors) all.tensors.insert_or_assign(prefix + key, value);
  for (const auto& [key, value] : part.scalars) all.scalars.insert_or_assign(prefix + key, value);
}

}  // namespace gradus
