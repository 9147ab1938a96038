// The nearest point of an ellipsoid whose axes are the coordinates'.
//   p = z where ||z/scale|| <= rho, else p = z/(1 + 2*lam/scale^2) with lam >= 0 such that ||p/scale|| = rho
#pragma once

#include <span>
#include <vector>

namespace gradus {

/// Coordinates of scale 0 become 0 and do not count. Throws ShapeError for lists of different lengths, UsageError for a rho or
/// a scale that is negative or no number.
std::vector<double> project_on_ellipsoid(std::span<const double> z, std::span<const double> scale,
                                         double rho);

}  // namespace gradus
