// A 3x3 convolution whose taps stand as far apart as a second map says, at each position anew.
//
// Paper: Wang, Shelhamer, Olshausen, Darrell, "Dynamic Scale Inference by Entropy Minimization", 2019, arXiv 1908.03182.
//   sigma(p) = exp(clip(log_scale(p), log min_scale, log max_scale))
//   y(p) = bias + sum over i,j in 0..2 of weight[:,:,i,j] F(p_y + sigma(p) (i-1), p_x + sigma(p) (j-1))
// F is bilinear between the corners floor(position) and floor(position) + 1; corners outside of the map count 0.
// Departure: the paper smooths with a Gaussian of deviation sigma before it samples; here samples are bilinear alone.
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct ScaleOptions {
  double min_scale = 0.5, max_scale = 8;
  void visit(auto&& f) {
    f("min_scale", min_scale, "least distance of taps", positive());
    f("max_scale", max_scale, "largest distance of taps", positive());
  }
};

/// features (B,Ci,h,w), log_scale (B,h,w), weight (Co,Ci,3,3), bias (Co) -> (B,Co,h,w), differentiable in all four: 0 by
/// log_scale where it is clipped, the slope of the cell of floor(position) at integer positions. Throws ShapeError, and
/// UsageError for min_scale > max_scale.
Tensor dynamic_scale_conv(const Tensor& features, const Tensor& log_scale, const Tensor& weight,
                          const Tensor& bias, const ScaleOptions& options = {});

}  // namespace gradus
