#include "autograd/functional/diff_optim.h"

#include "autograd/ops/elementwise.h"

namespace gradus {
namespace {

void check(const char* op, std::span<const Tensor> params, std::span<const Tensor> grads) {
  if (params.size() != grads.size())
    fail<ShapeError>("{}: {} gradients for {} parameters", op, grads.size(), params.size());
  for (size_t i = 0; i < params.size(); ++i)
    if (!(params[i].shape() == grads[i].shape()))
      fail<ShapeError>("{}: gradient {} for parameter {} of shape {}", op, grads[i].shape().str(), i,
                       params[i].shape().str());
}

void zeros_at_first(std::vector<Tensor>& slots, std::span<const Tensor> params) {
  if (!slots.empty()) return;
  for (const Tensor& p : params) slots.push_back(Tensor::zeros(p.shape()));
}

}  // namespace

std::vector<Tensor> sgd_step(std::span<const Tensor> params, std::span<const Tensor> grads,
                             const Tensor& lr) {
  check("sgd_step", params, grads);
  std::vector<Tensor> next;
  for (size_t i = 0; i < params.size(); ++i) next.push_back(params[i] - lr * grads[i]);
  return next;
}

std::vector<Tensor> momentum_step(std::span<const Tensor> params, std::span<const Tensor> grads,
                                  MomentumState& state, const Tensor& lr, const Tensor& momentum,
                                  bool nesterov) {
  check("momentum_step", params, grads);
  zeros_at_first(state.velocity, params);
  std::vector<Tensor> next;
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor& v = state.velocity[i];
    v = momentum * v + grads[i];
    next.push_back(params[i] - lr * (nesterov ? grads[i] + momentum * v : v));
  }
  return next;
}

std::vector<Tensor> adam_step(std::span<const Tensor> params, std::span<const Tensor> grads, AdamState& state,
                              const AdamHyper& hyper) {
  check("adam_step", params, grads);
  zeros_at_first(state.m, params);
  zeros_at_first(state.v, params);
  const auto t = static_cast<real>(++state.t);
  const Tensor keep1 = real(1) - hyper.beta1, keep2 = real(1) - hyper.beta2;
  const Tensor correct1 = reciprocal(real(1) - pow(hyper.beta1, t));
  const Tensor correct2 = reciprocal(real(1) - pow(hyper.beta2, t));
  std::vector<Tensor> next;
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor &m = state.m[i], &v = state.v[i];
    m = hyper.beta1 * m + keep1 * grads[i];
    v = hyper.beta2 * v + keep2 * square(grads[i]);
    const Tensor square_mean = hyper.eps_root.defined() ? v * correct2 + hyper.eps_root : v * correct2;
    next.push_back(params[i] - hyper.lr * (m * correct1) / (sqrt(square_mean) + hyper.eps));
  }
  return next;
}

}  // namespace gradus
