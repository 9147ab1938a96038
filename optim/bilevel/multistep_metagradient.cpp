#include "optim/bilevel/multistep_metagradient.h"

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "optim/bilevel/inner_loop.h"
#include "optim/registry.h"

namespace gradus {

MetaGradients multistep_metagradients(const MetaObjective& objective, std::span<const Tensor> theta,
                                      const Tensor& eta, int64 steps, double lr) {
  if (steps < 1) fail<UsageError>("multistep_metagradients: {} steps", steps);
  const Recording on(true);
  const Tensor tuned = variable(stop_gradient(eta));
  MetaGradients out;
  Tensors at;
  for (const Tensor& t : theta) at.push_back(stop_gradient(t));
  for (int64 n = 1; n <= steps; ++n) {
    at = inner_descent([&](std::span<const Tensor> w, int64) { return objective.inner(w, tuned, n - 1); }, at,
                       1, {.lr = lr});
    const Tensor loss = objective.outer(at, n);
    out.outer_loss.push_back(static_cast<double>(loss.item()));
    Tensor g;
    if (requires_grad(loss)) g = grad(loss, {tuned}, {.retain_graph = true, .allow_unused = true})[0];
    out.grads.push_back(g.defined() ? g : Tensor::zeros(eta.shape()));
  }
  for (const Tensor& t : at) out.theta.push_back(stop_gradient(t));
  return out;
}

std::vector<double> mixture_weights(int64 steps, double rho) {
  if (steps < 1 || !(rho >= 0)) fail<UsageError>("mixture_weights: {} steps, rho = {}", steps, rho);
  std::vector<double> w(static_cast<size_t>(steps));
  double power = 1, total = 0;
  for (double& x : w) {
    x = power;
    total += power;
    power *= rho;
  }
  for (double& x : w) x /= total;
  return w;
}

Tensor mix_metagradients(std::span<const double> weights, std::span<const Tensor> grads) {
  if (weights.empty() || weights.size() != grads.size())
    fail<ShapeError>("mix_metagradients: {} weights for {} gradients", weights.size(), grads.size());
  Tensor mixed = grads[0] * static_cast<real>(weights[0]);
  for (size_t n = 1; n < grads.size(); ++n) mixed = mixed + grads[n] * static_cast<real>(weights[n]);
  return mixed;
}

MetaStep::MetaStep(const Tensor& eta, double meta_lr, double max_grad_norm)
    : eta_{make_parameter("eta", ParamKind::kWeight, stop_gradient(eta).clone())},
      adam_(make_optimizer(fmt::format("adam:lr={}", meta_lr), eta_)),
      max_grad_norm_(max_grad_norm) {}

void MetaStep::step(const Tensor& g) {
  const double length = std::sqrt(inner({&g, 1}, {&g, 1}));
  const bool longer = max_grad_norm_ > 0 && length > max_grad_norm_;
  eta_[0]->grad = longer ? stop_gradient(g) * static_cast<real>(max_grad_norm_ / length) : stop_gradient(g);
  adam_->step();
}

}  // namespace gradus
