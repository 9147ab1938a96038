// Direct convolution on groups of kLanes images side by side (conv_pack.h): no lowered matrix exists; the inner
// loop runs over (channel, tap) with a table of offsets into the framed input, kOutBlock output channels by
// kPixelBlock pixels at a time in registers. Every stride, padding, dilation and group count.
//
// The input gradient is the same loop: with stride s, the pixels of dx of equal remainder (h mod s, w mod s)
// meet the same taps of w, so dx falls into s*s plain convolutions of g with parts of w.
#pragma once

#include "core/kernels/conv.h"

namespace gradus::kernels {

/// As conv2d, conv2d_input_grad and conv2d_weight_grad of conv.h; shapes already checked.
Tensor conv2d_direct(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu);
Tensor conv2d_input_grad_direct(const Tensor& g, const Tensor& w, const Shape& x_shape, const ConvSpec& spec);
Tensor conv2d_weight_grad_direct(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                 const ConvSpec& spec);
/// dw, and db if `bias`, as conv2d_grads of conv.h.
ConvGrads conv2d_weight_grads_direct(const Tensor& g, const Tensor& x, const Shape& w_shape,
                                     const Tensor& gate, const ConvSpec& spec, bool bias);

}  // namespace gradus::kernels
