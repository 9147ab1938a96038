// Two-dimensional convolution kernels on contiguous (N,C,H,W) tensors, weights (O, C/groups, KH, KW).
#pragma once

#include "core/tensor.h"

namespace gradus {

struct ConvSpec {
  int64 stride_h = 1, stride_w = 1;
  int64 pad_h = 0, pad_w = 0;
  int64 dilation_h = 1, dilation_w = 1;
  int64 groups = 1;
  bool operator==(const ConvSpec&) const = default;
};

/// Shape of conv2d(x, w): throws ShapeError naming both shapes if they do not fit or the output would be
/// empty.
Shape conv2d_shape(const Shape& x, const Shape& w, const ConvSpec& spec);

namespace kernels {
/// y = conv(x, w) + bias; bias (O) or undefined; relu applied on the way out if asked.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSpec& spec, bool relu = false);
/// dx for dy = g.
Tensor conv2d_input_grad(const Tensor& g, const Tensor& w, const Shape& x_shape, const ConvSpec& spec);
/// dw for dy = g.
Tensor conv2d_weight_grad(const Tensor& g, const Tensor& x, const Shape& w_shape, const ConvSpec& spec);

struct ConvDual {
  Tensor y, dy;
};
/// y = conv2d(x, w, bias), relu applied if asked, and its derivative along (dx, dw, dbias): dx * w + x * dw + dbias, 0
/// where relu closed y. Each of the three has the shape of what it moves or is undefined (does not move); x or w moves.
ConvDual conv2d_dual(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& dx, const Tensor& dw,
                     const Tensor& dbias, const ConvSpec& spec, bool relu = false);

struct ConvGrads {
  Tensor dx, dw, db;  ///< undefined where not asked for
};
struct ConvNeeds {
  bool x, w, bias;
};
/// The gradients of conv2d that are needed, for dy = g, which counts only where `gate` (of y's shape, or undefined:
/// all) is not 0: with y itself as the gate these are the gradients of relu(conv2d). What they share is done once.
ConvGrads conv2d_grads(const Tensor& g, const Tensor& x, const Tensor& w, const Tensor& gate,
                       const ConvSpec& spec, ConvNeeds needs);
}  // namespace kernels

}  // namespace gradus
