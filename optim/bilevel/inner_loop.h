// A few steps of SGD on fast weights as a differentiable function of where they start and of all else in the losses: the inner
// loop of meta-learning.
//
// Papers: Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017,
// arXiv 1703.03400; Javed, Yao, White, "Is Fast Adaptation All You Need?", 2019, arXiv 1910.01705.
//   w_{k+1} = w_k - lr*clip(dL_k(w_k)/dw)
// clip is elementwise to [-grad_clip, grad_clip], with slope 1 inside and 0 outside. First order: the gradients count as
// constants.
#pragma once

#include <functional>
#include <span>

#include "autograd/functional/functional.h"

namespace gradus {

struct InnerLoop {
  double lr = 0.01;
  double grad_clip = 0;  ///< 0: none
  bool second_order = true;
};

/// Loss of step k at the fast weights; it may depend on recorded tensors it captures.
using InnerLoss = std::function<Tensor(std::span<const Tensor> fast, int64 k)>;

/// The fast weights after `steps` steps; differentiable where recording() is on.
Tensors inner_descent(const InnerLoss& loss, std::span<const Tensor> fast, int64 steps,
                      const InnerLoop& options);

}  // namespace gradus
