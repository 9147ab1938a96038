// Forward gradients: an unbiased estimate of the gradient from forward mode alone.
//
// Paper: Baydin, Pearlmutter, Syme, Wood, Torr, "Gradients without Backpropagation", 2022, arXiv 2202.08587.
//   v ~ N(0, I) over all parameters together,  d = grad f . v  (one forward-mode pass, a single number),  g = d*v
//   theta -= lr_t*g,  lr_t = lr*exp(-t*lr_decay)
//   E[g] = grad f,  E||g||^2 = (n + 2)*||grad f||^2;  of K directions the mean is taken
// With entries of +-1 (rademacher) E||g||^2 = n*||grad f||^2. Neither v nor g is normalised: that would bias the estimate.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "autograd/functional/functional.h"
#include "core/options.h"
#include "core/rng.h"

namespace gradus {

struct ForwardGradientOptions {
  int64 samples = 1;
  std::string distribution = "normal";
  void visit(auto&& f) {
    f("samples", samples, "directions a step, whose estimates are averaged", at_least(1));
    f("distribution", distribution, "of the entries of a direction; rademacher: -1 or 1",
      choices({"normal", "rademacher"}));
  }
};

/// Random tensors in the shapes of `like`; the i-th is drawn from rng.fork(i), which does not advance.
std::vector<Tensor> draw_direction(std::span<const Tensor> like, const std::string& distribution,
                                   const Rng& rng);

struct ForwardGradient {
  double loss = 0;
  std::vector<double> derivatives;  ///< along each direction
  std::vector<Tensor> grads;        ///< their mean, one tensor for each x
};
/// `f` gives a single number (ShapeError otherwise); `directions` holds one tensor for each x and direction. Nothing is
/// recorded: no node is made, whatever the xs are. Throws UsageError for no direction.
ForwardGradient forward_gradient(const Function& f, std::span<const Tensor> xs,
                                 std::span<const std::vector<Tensor>> directions);

struct ForwardDescent {
  double lr = 1e-2, lr_decay = 0;
  /// The t-th step, t = 0, 1, ...: changes the xs in place. Returns f before it.
  double step(const Function& f, std::span<Tensor> xs, std::span<const std::vector<Tensor>> directions,
              int64 t) const;
};

}  // namespace gradus
