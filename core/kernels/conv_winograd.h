// 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3) (winograd_transforms.h) on groups of kLanes images side
// by side (conv_pack.h): 36 products for 16 outputs of one channel where direct convolution needs 144.
//
// Accuracy: the transforms multiply by up to 5 and cancel, which costs about a decimal digit. Tested bound, on
// normal random data: max |error| <= 2e-5 max |y| in single precision for up to 256 channels (direct: 2e-6).
#pragma once

#include "core/kernels/conv.h"

namespace gradus::kernels {

/// 3x3, stride 1, dilation 1, one group, pad at most 2.
bool winograd_fits(const Shape& w, const ConvSpec& spec);

/// As conv2d, conv2d_input_grad and conv2d_weight_grad of conv.h; shapes already checked, winograd_fits.
Tensor conv2d_winograd(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu);
Tensor conv2d_input_grad_winograd(const Tensor& g, const Tensor& w, const Shape& x_shape,
                                  const ConvSpec& spec);
Tensor conv2d_weight_grad_winograd(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                   const ConvSpec& spec);
/// As conv2d_dual of conv.h, of which dx or dw is defined.
ConvDual conv2d_dual_winograd(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& dx,
                              const Tensor& dw, const Tensor& dbias, const ConvSpec& spec, bool relu);
/// As conv2d_grads of conv.h; db only if `bias`.
ConvGrads conv2d_grads_winograd(const Tensor& g, const Tensor& x, const Tensor& w, const Tensor& gate,
                                const ConvSpec& spec, bool bias);

}  // namespace gradus::kernels
