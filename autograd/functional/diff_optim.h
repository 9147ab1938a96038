// Optimizer steps as differentiable functions: parameters in, parameters out, nothing changed in place. Each update
// is built of primitives, so gradients flow through any number of training steps to the first weights and to the
// hyperparameters, which are tensors of one element for that purpose.
//
//   Tensor meta_loss(std::span<const Tensor> meta) {              // meta[0]: learning rate, meta[1...]: first weights
//     Tensors w(meta.begin() + 1, meta.end());
//     for (int t = 0; t < 200; ++t)
//       w = sgd_step(w, value_and_grad(train_loss, w, {.create_graph = true}).grads, meta[0]);
//     return validation_loss(w);
//   }
//   auto [loss, grads] = value_and_grad(meta_loss, meta);
//
// Papers: Maclaurin, Duvenaud, Adams, "Gradient-based hyperparameter optimization through reversible learning", ICML
// 2015, arXiv 1502.03492 (derivatives through training); the rules are those of SGD with momentum as torch has it and
// of Adam (Kingma, Ba, ICLR 2015, arXiv 1412.6980, Algorithm 1).
//
// At v = 0 (a dead parameter: its gradient has been exactly zero) the derivative of sqrt(v) is taken as 0, so an
// unrolled Adam gives no NaN there.
#pragma once

#include <span>
#include <vector>

#include "autograd/graph.h"

namespace gradus {

/// w - lr g. Throws ShapeError unless params and grads match in number and shape.
std::vector<Tensor> sgd_step(std::span<const Tensor> params, std::span<const Tensor> grads, const Tensor& lr);

struct MomentumState {
  std::vector<Tensor> velocity;  ///< empty before the first step
};
/// v <- momentum v + g;  w - lr v, or with nesterov w - lr (g + momentum v).
std::vector<Tensor> momentum_step(std::span<const Tensor> params, std::span<const Tensor> grads,
                                  MomentumState& state, const Tensor& lr, const Tensor& momentum,
                                  bool nesterov = false);

struct AdamState {
  std::vector<Tensor> m, v;  ///< empty before the first step
  int64 t = 0;               ///< steps taken
};
struct AdamHyper {
  Tensor lr = Tensor::scalar(real(1e-3));
  Tensor beta1 = Tensor::scalar(real(0.9)), beta2 = Tensor::scalar(real(0.999));
  Tensor eps = Tensor::scalar(real(1e-8));
  Tensor eps_root;  ///< added under the root, so that its slope stays finite; undefined: nothing is
};
/// m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
/// w - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t) + eps_root) + eps).
std::vector<Tensor> adam_step(std::span<const Tensor> params, std::span<const Tensor> grads, AdamState& state,
                              const AdamHyper& hyper);

}  // namespace gradus
