// Fully connected layers: product, bias and activation in one pass over the result; all three gradients in one pass over
// the cotangent.
#pragma once

#include "core/tensor.h"

namespace gradus::kernels {

/// What is applied on the way out: nothing, max(., 0), or x Phi(x).
enum class Epilogue { kNone, kRelu, kGelu };

/// e(x w' + bias) for x (..., in), w (out, in), bias (out) or undefined -> (..., out). With kGelu and `slope` given, that
/// receives the activation's derivative, (..., out), which is cheap beside its value. Throws ShapeError.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Epilogue epilogue = Epilogue::kNone,
              Tensor* slope = nullptr);

struct LinearDual {
  Tensor y, dy;
};
/// y = e(x w' + bias) and its derivative along (dx, dw, dbias), each of the shape of what it moves or undefined (does
/// not move); x or w moves. Throws ShapeError.
LinearDual linear_dual(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& dx,
                       const Tensor& dw, const Tensor& dbias, Epilogue epilogue);

/// Gradients of x, w and bias; undefined where not asked for.
struct LinearGrads {
  Tensor dx, dw, db;
};
struct LinearNeeds {
  bool x = true, w = true, bias = true;
};
/// For cotangent g (..., out). `state` is the output for kRelu, the slope for kGelu, unused for kNone.
LinearGrads linear_grad(const Tensor& g, const Tensor& x, const Tensor& w, Epilogue epilogue,
                        const Tensor& state, LinearNeeds needs);

}  // namespace gradus::kernels
