// Random tensors of rules that draw: what a replay prescribes, else a function of the rule's seed, the parameter's name and
// the number of the draw alone (no state to save).
#pragma once

#include "core/error.h"
#include "core/rng.h"
#include "optim/objective.h"

namespace gradus {

/// The `index`-th (from 1) standard normal draw of this shape for the parameter `name`.
inline Tensor normal_draw(Objective& objective, const std::string& name, const Shape& shape, int64 seed,
                          int64 index) {
  const PrescribedDraws* given = objective.prescribed_draws();
  if (!given || given->named.empty())
    return Rng(static_cast<std::uint64_t>(seed), static_cast<std::uint64_t>(index))
        .fork(name)
        .normal_tensor(shape);
  if (index > static_cast<int64>(given->named.size())) fail<DataError>("draws: number {} is missing", index);
  const auto& draw = given->named[static_cast<size_t>(index - 1)];
  const auto found = draw.find(name);
  if (found == draw.end() || static_cast<int64>(found->second.size()) != shape.numel())
    fail<DataError>("draws: number {} needs {} numbers for '{}'", index, shape.numel(), name);
  return Tensor::from(shape, std::vector<real>(found->second.begin(), found->second.end()));
}

/// The step's standard normal vector for the parameter `name`: what a replay prescribes as its probe, else a function of name
/// and step alone.
inline Tensor normal_probe(Objective& objective, const std::string& name, const Shape& shape, int64 step) {
  const PrescribedDraws* given = objective.prescribed_draws();
  const Parameters& all = objective.parameters();
  for (size_t i = 0; given && i < given->probe.size(); ++i)
    if (all[i]->name == name && given->probe[i].defined()) return given->probe[i];
  return Rng(static_cast<std::uint64_t>(step)).fork(name).normal_tensor(shape);
}

}  // namespace gradus
