#include "apps/signals/channel_training.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus {
namespace {

Tensor both_parts(const Tensor& re, const Tensor& im) { return concat(std::vector{re, im}, 0); }

}  // namespace

void train_channel_network(FortitranNetwork& network, const OfdmFrames& frames,
                           const ChannelTrainingOptions& options, const Rng& rng,
                           const std::function<void(double, double)>& after_step) {
  const int64 N = frames.re.dim(0), batch = options.batch_size, a_pass = N / batch,
              steps = options.epochs * a_pass;
  if (a_pass < 1) fail<UsageError>("channel training: {} frames, batches of {}", N, batch);
  const OptimizerPtr adam = make_optimizer(fmt::format("adam:lr={}", options.lr), network.parameters());
  std::vector<int64> order;
  for (int64 t = 0; t < steps; ++t) {
    if (t % a_pass == 0) order = Rng(rng).fork(static_cast<std::uint64_t>(t / a_pass)).permutation(N);
    IntTensor chosen({batch});
    for (int64 i = 0; i < batch; ++i)
      chosen.mutable_data()[i] = order[static_cast<size_t>(t % a_pass * batch + i)];
    const auto rows = [&](const Tensor& x) { return index_select(x, 0, chosen); };
    const Tensor pilots = both_parts(rows(frames.pilots_re), rows(frames.pilots_im)),
                 target = both_parts(rows(frames.re), rows(frames.im)), known = rows(frames.conditions),
                 conditions = both_parts(known, known);
    const Function loss = [&](std::span<const Tensor> w) {
      return mse_loss(network.estimate(w, pilots, conditions), target);
    };
    FunctionObjective objective(network.parameters(), loss);
    const double done = static_cast<double>(t) / static_cast<double>(steps);
    const double before = adam->step(objective, (1 + std::cos(std::numbers::pi * done)) / 2);
    if (!std::isfinite(before)) fail<NumericError>("channel training: loss {} at step {}", before, t + 1);
    after_step(static_cast<double>(t + 1) / static_cast<double>(steps), before);
  }
}

ChannelEstimate network_estimate(const FortitranNetwork& network, const OfdmFrames& frames) {
  const Recording off(false);
  std::vector<Tensor> values;
  for (const ParameterPtr& p : network.parameters()) values.push_back(p->value);
  ChannelEstimate estimate;
  estimate.re = network.estimate(values, frames.pilots_re, frames.conditions);
  estimate.im = network.estimate(values, frames.pilots_im, frames.conditions);
  return estimate;
}

}  // namespace gradus
