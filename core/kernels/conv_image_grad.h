// Weight gradient of a single image: what per-sample gradients of a convolution are made of.
//
// With one image there is nothing to put side by side (conv_pack.h), so lanes hold channels: image and output
// gradient are turned to (pixel, channel) once, and the adjoint of Winograd's F(4x4, 3x3) (winograd_transforms.h)
// runs on them. Everything of one image stays in the second-level cache.
#pragma once

#include "core/kernels/conv.h"

namespace gradus::kernels {

/// Whether image_weight_grad takes the call: 3x3, stride 1, dilation 1, one group, enough channels to fill lanes.
bool image_weight_grad_fits(const Shape& w, const ConvSpec& spec);

/// dw (O,C,3,3) = the weight gradient of one image x (C,H,W) with output gradient g (O,OH,OW); added to what dw holds
/// if `add`. With `gate` (O,OH,OW), the output of a fused relu, g counts only where that is not 0. Runs on the calling
/// thread.
void image_weight_grad(const real* g, const real* gate, const real* x, int64 h, int64 w, const Shape& w_shape,
                       const ConvSpec& spec, real* dw, bool add);

}  // namespace gradus::kernels
