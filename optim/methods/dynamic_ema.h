// A running mean of trained weights whose weight is set anew at each step, by gradient, its change and distance.
//
// Paper: Qiao, Zhang, Tan, Qu, Ding, Xie, "Large Continual Instruction Assistant", ICML 2025, arXiv 2410.10868.
//   a tensor at a time, behind each step of the optimizer: theta the new weights, g the gradient of the step
//   at the first step star = theta
//   a = ||theta - star||_1,  b = ||g||_1,  c = ||g - g_prev||_1   (curvature = secant: c/||theta - theta_prev||_1)
//   w = factor*(1 + b)/(a*c);  outside (0,1), and where there is none: base_weight on theta
//   star = (1 - w)*star + w*theta                                  (mode = paper: w counts for star, 1 - w for theta)
// The optimizer goes on from theta; at the end of a task the weights become star. The released code multiplies the new weights
// by w, the paper's text the old ones as far as it can be told: both are here, the code's is the default.
#pragma once

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

struct DynamicEmaOptions {
  double factor = 2, base_weight = 0.01;
  std::string mode = "code", curvature = "gradient-difference";
  void visit(auto&& f) {
    f("factor", factor, "scale of the weight", positive());
    f("base_weight", base_weight, "where it leaves (0,1)", between(0, 1));
    f("mode", mode, "whose weight it is: the new weights' or the mean's", choices({"code", "paper"}));
    f("curvature", curvature, "change of the gradient, or that over the change of the weights",
      choices({"gradient-difference", "secant"}));
  }
};

/// Of one tensor.
class DynamicEma {
 public:
  explicit DynamicEma(const DynamicEmaOptions& options = {}) : o_(options) {}

  /// Behind a step; returns the weight that theta got. Throws ShapeError where shapes differ or change.
  double update(const Tensor& theta, const Tensor& grad);
  /// Undefined before the first step.
  const Tensor& average() const { return star_; }
  /// Whether the last weight was base_weight for want of a valid one.
  bool fell_back() const { return fell_back_; }

 private:
  DynamicEmaOptions o_;
  Tensor star_, grad_, theta_;
  bool fell_back_ = true;
};

}  // namespace gradus
