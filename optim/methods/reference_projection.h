// A-GEM: a gradient that would raise the loss on remembered examples loses that part of it.
//
// Paper: Chaudhry, Ranzato, Rohrbach, Elhoseiny, "Efficient Lifelong Learning with A-GEM", ICLR 2019, arXiv 1812.00420.
//   <g, g_ref> < 0:  g <- g - (<g, g_ref>/<g_ref, g_ref>)*g_ref;  else g as it is
#pragma once

#include "core/tensor.h"

namespace gradus {

struct ReferenceProjection {
  double dot = 0;  ///< <g, g_ref>
  Tensor gradient;
};
/// Gradients (d) of the batch and of the examples remembered. Throws ShapeError.
ReferenceProjection reference_projection(const Tensor& g, const Tensor& g_ref);

}  // namespace gradus
