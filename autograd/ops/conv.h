// Differentiable convolution and pooling on (N,C,H,W).
#pragma once

#include "autograd/graph.h"
#include "core/kernels/conv.h"
#include "core/kernels/pool.h"

namespace gradus {

/// x (N,C,H,W), weight (O, C/groups, KH, KW), bias (O) or undefined -> (N,O,OH,OW).
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvSpec& spec = {});
/// relu(conv2d(...)) in one pass.
Tensor conv2d_relu(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const ConvSpec& spec = {});
/// Gradient of conv2d with respect to its input (the transposed convolution), itself differentiable.
Tensor conv2d_input_grad(const Tensor& g, const Tensor& weight, const Shape& x_shape, const ConvSpec& spec);
/// Gradient of conv2d with respect to its weight, itself differentiable.
Tensor conv2d_weight_grad(const Tensor& g, const Tensor& x, const Shape& weight_shape, const ConvSpec& spec);
/// Transposed convolution: x (N,C,H,W), weight (C, O/groups, KH, KW).
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvSpec& spec,
                        int64 output_padding = 0);
Tensor max_pool2d(const Tensor& x, const PoolSpec& spec);
Tensor avg_pool2d(const Tensor& x, const PoolSpec& spec);
/// The derivative of max_pool2d at x in direction t (like x), and its adjoint on g (like the output): linear
/// maps that follow the winners of x.
Tensor max_pool2d_tangent(const Tensor& t, const Tensor& x, const PoolSpec& spec);
Tensor max_pool2d_adjoint(const Tensor& g, const Tensor& x, const PoolSpec& spec);
/// Adjoint of avg_pool2d for inputs of shape x.
Tensor avg_pool2d_adjoint(const Tensor& g, const Shape& x, const PoolSpec& spec);
Tensor adaptive_avg_pool2d(const Tensor& x, int64 out_h, int64 out_w);
Tensor adaptive_max_pool2d(const Tensor& x, int64 out_h, int64 out_w);  ///< ties go to the first
Tensor upsample_nearest(const Tensor& x, int64 factor);
Tensor upsample_bilinear(const Tensor& x, int64 out_h, int64 out_w);  ///< align_corners = false

}  // namespace gradus
