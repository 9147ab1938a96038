#include "optim/methods/gap_direction.h"

#include "core/error.h"
#include "optim/elements.h"

namespace gradus {

GapDirection gap_direction(const Tensor& grad, const Tensor& grad_perturbed, double alpha) {
  if (grad.shape() != grad_perturbed.shape())
    fail<ShapeError>("gap direction: gradients of shapes {} and {}", grad.shape().str(),
                     grad_perturbed.shape().str());
  const double square = sum_of_squares(grad_perturbed);
  const double share = square > 0 ? dot(grad, grad_perturbed) / square : 0;
  GapDirection out{Tensor(grad.shape()), Tensor(grad.shape())};
  for_each_element(out.perpendicular, out.direction, grad, grad_perturbed,
                   [share = static_cast<real>(share), a = static_cast<real>(alpha)](
                       real& perpendicular, real& direction, real g, real p) {
                     perpendicular = g - share * p;
                     direction = p - a * perpendicular;
                   });
  return out;
}

}  // namespace gradus
