// A step that lowers the loss at perturbed weights and the gap between it and the plain loss.
//
// Paper: Zhuang et al., "Surrogate Gap Minimization Improves Sharpness-Aware Training" (GSAM), ICLR 2022, arXiv 2203.08065.
//   perpendicular = g - (<g, g_p>/||g_p||^2)*g_p,   direction = g_p - alpha*perpendicular
// g the gradient at the weights, g_p at the perturbed ones. Descending g_p lowers the perturbed loss; the perpendicular part, added to
// the weights, raises the plain loss and leaves the perturbed one, to first order.
#pragma once

#include "core/tensor.h"

namespace gradus {

struct GapDirection {
  Tensor perpendicular, direction;
};
/// Of two tensors of equal shape (else ShapeError); perpendicular = g where g_p is 0.
GapDirection gap_direction(const Tensor& grad, const Tensor& grad_perturbed, double alpha);

}  // namespace gradus
