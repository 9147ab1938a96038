// 1x1 convolutions of stride 1 on large planes: per image a product of the weight (O,C) and the image (C,H*W), which is read and
// written where it lies. Turning images side by side (conv_pack.h) takes as long as such a product, and lowering copies the image.
#pragma once

#include "core/kernels/conv.h"

namespace gradus::kernels {

/// Whether such a product beats images side by side, by shapes alone.
bool pointwise_fits(const Shape& x, const Shape& w, const ConvSpec& spec);

/// As conv2d, conv2d_input_grad and conv2d_weight_grad of conv.h; shapes already checked, pointwise.
Tensor conv2d_pointwise(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec,
                        bool relu);
Tensor conv2d_input_grad_pointwise(const Tensor& g, const Tensor& w, const Shape& x_shape,
                                   const ConvSpec& spec);
Tensor conv2d_weight_grad_pointwise(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                    const ConvSpec& spec);
}  // namespace gradus::kernels
