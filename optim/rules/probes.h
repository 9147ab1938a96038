// Hutchinson's estimate of the Hessian's diagonal, and where its random vectors come from.
#pragma once

#include "core/rng.h"
#include "optim/rules/whole.h"
#include "optim/vocabulary/draws.h"

namespace gradus::rules {

/// +-1 vectors z and H z at the present weights, one tensor each per item: z*(H z) is the Hessian's diagonal in
/// expectation, and in one sample for a diagonal Hessian.
struct DiagonalEstimate {
  std::vector<Tensor> z, product;
};

/// `sample` 0 is the estimate of the step; 1, 2, ... are those of a start. z is what the objective prescribes, else a
/// function of the parameter's name, the step and `sample` alone (no state to save).
template <class Options>
DiagonalEstimate hessian_diagonal(Pass<Options>& pass, Around& around, int64 sample) {
  const PrescribedDraws* given = pass.objective.prescribed_draws();
  std::vector<Tensor> z;
  if (given && sample == 0) z = around.of_items(given->probe);
  if (given && sample > 0) z = around.of_items(given->warmup.at(static_cast<size_t>(sample - 1)));
  if (!given)
    for (const auto& item : pass.items)
      z.push_back(Rng(static_cast<std::uint64_t>(pass.info.step), static_cast<std::uint64_t>(sample))
                      .fork(item.p.name)
                      .rademacher_tensor(item.p.data.shape()));
  std::vector<Tensor> product = around.hessian_times(z);
  return {std::move(z), std::move(product)};
}

/// The same with standard normal vectors in place of +-1, of the step.
template <class Options>
DiagonalEstimate hessian_diagonal_by_normals(Pass<Options>& pass, Around& around) {
  std::vector<Tensor> z;
  for (const auto& item : pass.items)
    z.push_back(normal_probe(pass.objective, item.p.name, item.p.data.shape(), pass.info.step));
  std::vector<Tensor> product = around.hessian_times(z);
  return {std::move(z), std::move(product)};
}

/// Starts slot "D" of the items that have none with the mean of `samples` estimates (of as many as are prescribed).
template <class Options>
void warm_start_diagonal(Pass<Options>& pass, Around& around, int64 samples) {
  bool missing = false;
  for (const auto& item : pass.items) missing = missing || !item.s.has("D");
  if (!missing) return;
  if (const PrescribedDraws* given = pass.objective.prescribed_draws())
    samples = static_cast<int64>(given->warmup.size());
  std::vector<Tensor> sum;
  for (const auto& item : pass.items) sum.push_back(Tensor::zeros(item.p.data.shape()));
  for (int64 k = 1; k <= samples; ++k) {
    const DiagonalEstimate one = hessian_diagonal(pass, around, k);
    for (size_t i = 0; i < sum.size(); ++i)
      for_each_element(
          sum[i], one.z[i], one.product[i],
          [c = real(1.0 / static_cast<double>(samples))](real& s, real z, real h) { s += c * (z * h); });
  }
  for (const auto& item : pass.items)
    if (!item.s.has("D")) item.s("D").copy_from(sum[item.p.index]);
}

}  // namespace gradus::rules
