#include "optim/methods/reference_projection.h"

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

ReferenceProjection reference_projection(const Tensor& g, const Tensor& g_ref) {
  if (g.shape() != g_ref.shape())
    fail<ShapeError>("A-GEM: a gradient {} against one {}", g.shape().str(), g_ref.shape().str());
  ReferenceProjection out{dot(g, g_ref), g.clone()};
  const double square = sum_of_squares(g_ref);
  if (out.dot < 0 && square > 0)
    for_each_element(out.gradient, g_ref,
                     [share = static_cast<real>(out.dot / square)](real& v, real r) { v -= share * r; });
  return out;
}

}  // namespace gradus
