// Metagradients: the gradient of what training ends at in the settings it went by, through the whole run.
//
// Paper: Engstrom, Ilyas, Chen, Feldmann, Moses, Madry, "Optimizing ML Training with Metagradient Descent", 2025,
// arXiv 2503.13751.
//   s_{t+1} = h_t(s_t, z), s: parameters and the optimizer's state;  phi = target(s_T)
//   A_T = dphi/ds_T;  for t = T-1 ... 0:  g_z += (dh_t/dz)' A_{t+1},  A_t = (dh_t/ds)' A_{t+1}
// Each factor is one backward pass through one step, which holds a backward pass itself; states come from replay.h.
#pragma once

#include <functional>
#include <span>

#include "autograd/functional/functional.h"
#include "core/options.h"
#include "optim/bilevel/replay.h"

namespace gradus {

/// An optimizer's step as a differentiable function of state and gradients. State: the parameters, then its slots.
struct DifferentiableRule {
  std::string optimizer = "sgd";
  double momentum = 0, weight_decay = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, eps_root = 1e-7;
  void visit(auto&& f) {
    f("optimizer", optimizer, "of the training that is differentiated", choices({"sgd", "adam"}));
    f("momentum", momentum, "of sgd", decay_rate());
    f("weight_decay", weight_decay, "L2 penalty, added to the gradient", at_least(0));
    f("beta1", beta1, "decay of adam's gradient mean", decay_rate());
    f("beta2", beta2, "decay of adam's mean of squares", decay_rate());
    f("eps", eps, "added to adam's root", at_least(0));
    f("eps_root", eps_root, "added under adam's root, which keeps its slope finite", at_least(0));
  }
  /// Parameters with slots of zeros.
  Tensors start(std::span<const Tensor> params) const;
  /// The state after step t = 0, 1, ...; lr has one element. Throws UsageError for an unknown optimizer.
  Tensors step(std::span<const Tensor> state, std::span<const Tensor> grads, const Tensor& lr, int64 t) const;
};

struct MetaTraining {
  /// h_t(s, z), recorded where recording() is on.
  std::function<Tensors(std::span<const Tensor> state, std::span<const Tensor> z, int64 t)> step;
  std::function<Tensor(std::span<const Tensor> end)> target;  ///< phi, a single number
  int64 steps = 0;
};

/// The usual h_t: a step of `rule` on the loss of the parameters (the first `params` of the state) and z at the step size
/// lr(z, t).
using StepLoss = std::function<Tensor(std::span<const Tensor> params, std::span<const Tensor> z, int64 t)>;
using StepSize = std::function<Tensor(std::span<const Tensor> z, int64 t)>;
MetaTraining meta_training(const DifferentiableRule& rule, size_t params, StepLoss loss, StepSize lr,
                           std::function<Tensor(std::span<const Tensor> params)> target, int64 steps);

struct Metagradient {
  double target = 0;
  Tensors grads;        ///< one for each z
  Tensors start_grads;  ///< one for each tensor of the first state
  Tensors end;          ///< s_T
  ReplayCost cost;
};
/// Throws NumericError where a metagradient is not finite.
Metagradient metagradient(const MetaTraining& training, std::span<const Tensor> start,
                          std::span<const Tensor> z, int64 branching);

}  // namespace gradus
