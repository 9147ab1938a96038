#include "nn/alignment/advantages.h"

#include <algorithm>
#include <vector>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {

Tensor lambda_returns(const Tensor& rewards, const Tensor& dones, const Tensor& values, const Tensor& gamma,
                      const Tensor& lambda) {
  if (rewards.rank() != 2 || !(dones.shape() == rewards.shape()) ||
      !(values.shape() == Shape({rewards.dim(0) + 1, rewards.dim(1)})))
    fail<ShapeError>("lambda_returns: rewards {}, dones {}, values {}", rewards.shape().str(),
                     dones.shape().str(), values.shape().str());
  const int64 steps = rewards.dim(0);
  if (steps == 0) return rewards;
  const auto row = [](const Tensor& x, int64 t) { return slice(x, 0, t, t + 1); };  // (1,E)
  const Tensor keep = real(1) - stop_gradient(dones), rest = real(1) - lambda;
  std::vector<Tensor> returns;
  Tensor g = row(values, steps);
  for (int64 t = steps - 1; t >= 0; --t) {
    g = row(rewards, t) + gamma * row(keep, t) * (rest * row(values, t + 1) + lambda * g);
    returns.push_back(g);
  }
  std::reverse(returns.begin(), returns.end());
  return concat(returns, 0);
}

}  // namespace gradus
