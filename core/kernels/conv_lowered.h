// Convolution by lowering one image at a time to a matrix product: correct for every stride, padding,
// dilation and group count, and the reference the faster paths are measured against.
#pragma once

#include "core/kernels/conv.h"

namespace gradus::kernels {

/// As conv2d, conv2d_input_grad and conv2d_weight_grad of conv.h; shapes already checked.
Tensor conv2d_lowered(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu);
Tensor conv2d_input_grad_lowered(const Tensor& g, const Tensor& w, const Shape& x_shape,
                                 const ConvSpec& spec);
Tensor conv2d_weight_grad_lowered(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                  const ConvSpec& spec);

}  // namespace gradus::kernels
