// Partial differential equations in one space and one time variable, and the losses by which a network learns their solutions
// (physics-informed networks): the equation's residual inside the domain, the known values on its edges. Residuals hold second
// derivatives in the inputs and are differentiable in the network's weights.
//   Burgers:      u_t + u u_x - nu u_xx = 0 on [-1,1] x [0,1],   u(x,0) = -sin(pi x),  u(-1,t) = u(1,t) = 0
//   Schroedinger: i h_t + h_xx/2 + |h|^2 h = 0 on [-5,5] x [0,pi/2],   h = u + i v,  h(x,0) = 2/cosh(x), edges from the solution
// Setting of: Raissi, Perdikaris, Karniadakis, "Physics-Informed Neural Networks", J. Comp. Phys. 2019; as tasks of several losses:
// Liu, Chu, Thuerey, ICLR 2025, arXiv 2408.11104.
// Solutions: Burgers by the Cole-Hopf transform (Basdevant et al., Computers & Fluids 1986, where nu = 0.01/pi),
//   u = - int sin(pi y) f(y) w(y) dy / int f(y) w(y) dy,   f = exp(-cos(pi y)/(2 pi nu)),  w = exp(-(x-y)^2/(4 nu t));
// Schroedinger the two-soliton of Satsuma and Yajima (Prog. Theor. Phys. Suppl. 1974),
//   h = 4 exp(it/2) (cosh 3x + 3 exp(4it) cosh x)/(cosh 4x + 4 cosh 2x + 3 cos 4t).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

/// A network: points (N,2), each (x,t), to values (N,channels); recorded where its input or weights are.
using Field = std::function<Tensor(const Tensor& points)>;

struct FieldEquation {
  std::string name;
  double x_low = 0, x_high = 1, t_high = 1;  ///< t from 0
  int64 channels = 1;
  /// The left side at points (N,2), (N,channels), of values (N,channels) that were computed from these points by recorded
  /// operations; it is recorded too.
  std::function<Tensor(const Tensor& points, const Tensor& values)> residual;
  /// The solution's channels.
  std::function<std::vector<double>(double x, double t)> solution;
};
/// Throws UsageError unless nu > 0.
FieldEquation burgers_equation(double nu);
FieldEquation schroedinger_equation();

/// Points (n,2) inside of the domain, a Latin hypercube: each of n slices of x and of t has one. Throws UsageError for n < 1.
Tensor interior_points(const FieldEquation& equation, int64 n, Rng& rng);
/// Points (n,2) at t = 0, and on the edges x_low and x_high in turn; one in each of n slices of the other coordinate.
Tensor initial_points(const FieldEquation& equation, int64 n, Rng& rng);
Tensor boundary_points(const FieldEquation& equation, int64 n, Rng& rng);

/// Mean square of the residual over points and channels, ().
Tensor residual_loss(const FieldEquation& equation, const Field& field, const Tensor& points);
/// Mean square of what the field misses the solution by, ().
Tensor value_loss(const FieldEquation& equation, const Field& field, const Tensor& points);

/// The points of a grid of nx by nt over the whole domain, edges included, (nx*nt,2); nx, nt >= 2.
Tensor grid_points(const FieldEquation& equation, int64 nx, int64 nt);

}  // namespace gradus
