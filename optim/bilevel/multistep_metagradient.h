// Meta-gradients through 1, 2, ..., N inner steps, and their mixtures.
//
// Paper: Bonnet, Caron, Barrett, Davies, Laterre, "One Step at a Time: Pros and Cons of Multi-Step Meta-Gradient Reinforcement
// Learning", NeurIPS 2021 workshop on meta-learning, arXiv 2111.00206.
//   theta_{j+1} = theta_j - lr*dL_in(theta_j, eta, j)/dtheta,  theta_0 constant, eta held
//   g_n = dL_out(theta_n, n)/deta, through all n steps
//   mixed  g = sum_n w_n g_n,  w_n = rho^{n-1} / sum_m rho^{m-1}:  rho = 0 the single step, rho = 1 the plain mean
//   eta <- Adam(eta, g), g scaled down to the norm max_grad_norm where it is longer (0: never)
// Weights of the mixture (geometric) are a reconstruction: the paper's text leaves them open.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "autograd/functional/functional.h"
#include "optim/optimizer.h"

namespace gradus {

struct MetaObjective {
  /// L_in at theta and eta in step j = 0, 1, ...; data may be collected with theta when it is asked for.
  std::function<Tensor(std::span<const Tensor> theta, const Tensor& eta, int64 j)> inner;
  /// L_out after n = 1, 2, ... steps.
  std::function<Tensor(std::span<const Tensor> theta, int64 n)> outer;
};

struct MetaGradients {
  Tensors grads;                   ///< g_1 ... g_N, each like eta
  std::vector<double> outer_loss;  ///< after 1 ... N steps
  Tensors theta;                   ///< after N
};
/// Calls inner(0), outer(1), inner(1), outer(2), ... in this order. Throws UsageError for steps < 1.
MetaGradients multistep_metagradients(const MetaObjective& objective, std::span<const Tensor> theta,
                                      const Tensor& eta, int64 steps, double lr);

/// w_1 ... w_N. Throws UsageError for steps < 1 or rho < 0.
std::vector<double> mixture_weights(int64 steps, double rho);
/// sum_n w_n g_n. Throws ShapeError where they do not fit.
Tensor mix_metagradients(std::span<const double> weights, std::span<const Tensor> grads);

/// Adam on eta.
class MetaStep {
 public:
  MetaStep(const Tensor& eta, double meta_lr, double max_grad_norm);
  void step(const Tensor& g);
  /// As it is now, a constant.
  Tensor eta() const { return stop_gradient(eta_[0]->value); }

 private:
  Parameters eta_;
  OptimizerPtr adam_;
  double max_grad_norm_;
};

}  // namespace gradus
