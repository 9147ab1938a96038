#include "optim/methods/adasketch_newton.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>

#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/linalg.h"
#include "optim/elements.h"

namespace gradus {
namespace {

constexpr double kLeastCurvature = 1e-2, kLeastIndependence = 1e-2, kMostEta1 = 1e8, kLeastEta2 = 1e-8;
constexpr int64 kMostSketches = 1000000, kMostHalvings = 60;

double length_of(const Tensor& x) { return std::sqrt(sum_of_squares(x)); }
double dot_of(const Tensor& a, std::span<const double> b) {
  double sum = 0;
  for (int64 i = 0; i < a.numel(); ++i) sum += double(a.data()[i]) * b[static_cast<size_t>(i)];
  return sum;
}

// A x, or A'x, for a vector x.
Tensor product(const Tensor& a, const Tensor& x, bool transposed = false) {
  return linalg::matmul(a, x.view({x.numel(), 1}), transposed).view({a.dim(transposed ? 1 : 0)});
}

// The least eigenvalue of W within the null space of G; infinite where that is empty.
double least_reduced_curvature(const Tensor& w, const Tensor& g) {
  const int64 d = g.dim(1), m = g.dim(0), free = d - m;
  if (free <= 0) return std::numeric_limits<double>::infinity();
  const Tensor q = linalg::qr(linalg::transpose(g)).q;  // (d,m), spans the rows of G
  const linalg::Eigen eigen = linalg::eigh(linalg::identity(d) - linalg::matmul(q, q, false, true));
  Tensor z({d, free});  // eigenvectors of eigenvalue 1
  for (int64 i = 0; i < d; ++i)
    for (int64 j = 0; j < free; ++j) z.mutable_data()[i * free + j] = eigen.vectors.data()[i * d + m + j];
  const Tensor reduced = linalg::matmul(z, linalg::matmul(w, z), true);
  return double(linalg::eigh(reduced).values.data()[0]);
}

// [B G'; G 0], (d+m, d+m).
Tensor kkt_matrix(const Tensor& b, const Tensor& g) {
  const int64 d = g.dim(1), m = g.dim(0), n = d + m;
  Tensor k = Tensor::zeros({n, n});
  real* to = k.mutable_data();
  for (int64 i = 0; i < d; ++i)
    for (int64 j = 0; j < d; ++j) to[i * n + j] = b.data()[i * d + j];
  for (int64 i = 0; i < m; ++i)
    for (int64 j = 0; j < d; ++j) to[(d + i) * n + j] = to[j * n + d + i] = g.data()[i * d + j];
  return k;
}

Tensor minus_both(const Tensor& top, const Tensor& bottom) {
  Tensor b({top.numel() + bottom.numel()});
  std::transform(top.span().begin(), top.span().end(), b.mutable_data(), std::negate<>());
  std::transform(bottom.span().begin(), bottom.span().end(), b.mutable_data() + top.numel(), std::negate<>());
  return b;
}

Tensor moved(const Tensor& x, std::span<const double> z, double alpha) {
  Tensor to(x.shape());
  for (int64 i = 0; i < x.numel(); ++i)
    to.mutable_data()[i] = static_cast<real>(double(x.data()[i]) + alpha * z[static_cast<size_t>(i)]);
  return to;
}

double merit_of(const EqualityPoint& at, const Tensor& gx, const Tensor& lambda, const MeritWeights& w) {
  double lagrangian = at.value;
  for (int64 j = 0; j < lambda.numel(); ++j)
    lagrangian += double(lambda.data()[j]) * double(at.constraint.data()[j]);
  return lagrangian + w.eta1 / 2 * sum_of_squares(at.constraint) + w.eta2 / 2 * sum_of_squares(gx);
}

double merit_alone(const EqualityProgram& p, const Tensor& x, const Tensor& lambda, const MeritWeights& w) {
  const EqualityPoint at = equality_point(p, x);
  return merit_of(at, at.gradient + product(at.jacobian, lambda, true), lambda, w);
}

}  // namespace

MeritPoint merit_point(const EqualityProgram& p, const Tensor& x, const Tensor& lambda,
                       const MeritWeights& w) {
  const EqualityPoint at = equality_point(p, x);
  MeritPoint m;
  m.constraint = at.constraint;
  m.jacobian = at.jacobian;
  m.lagrangian_grad = at.gradient + product(at.jacobian, lambda, true);
  m.lagrangian_hessian = lagrangian_hessian(p, x, lambda);
  m.merit = merit_of(at, m.lagrangian_grad, lambda, w);
  m.merit_x = m.lagrangian_grad +
              product(m.lagrangian_hessian, m.lagrangian_grad) * static_cast<real>(w.eta2) +
              product(at.jacobian, at.constraint, true) * static_cast<real>(w.eta1);
  m.merit_lambda = at.constraint + product(at.jacobian, m.lagrangian_grad) * static_cast<real>(w.eta2);
  return m;
}

AdaSketchRun adasketch_newton(const EqualityProgram& p, const Tensor& x0, const Tensor& lambda0,
                              const AdaSketchOptions& o, SketchSource& source) {
  AdaSketchRun run{x0.clone(), lambda0.clone(), {}, {}};
  MeritWeights eta{o.eta1, o.eta2};
  double delta = o.delta, theta = o.theta;
  for (int64 k = 0;; ++k) {
    MeritPoint at = merit_point(p, run.x, run.lambda, eta);
    const Tensor &g = at.jacobian, &w = at.lagrangian_hessian;
    const Tensor b = minus_both(at.lagrangian_grad, at.constraint);
    const double length = length_of(b);
    if (!std::isfinite(length))
      fail<NumericError>("adasketch-newton: the residual is {} at iteration {}", length, k);
    run.kkt_residuals.push_back(length);
    if (k == o.steps || length <= o.tolerance) return run;

    const double shift = least_reduced_curvature(w, g) < kLeastCurvature ? o.xi_b + length_of(w) : 0;
    const Tensor curvature = w + linalg::identity(w.dim(0)) * static_cast<real>(shift);
    const double xi_g = double(linalg::eigh(linalg::matmul(g, g, false, true)).values.data()[0]);
    if (xi_g < kLeastIndependence)
      fail<NumericError>(
          "adasketch-newton: the constraints' gradients are nearly dependent at iteration {} "
          "(least eigenvalue of G G' {:.2g})",
          k, xi_g);
    const double psi = o.psi > 0 ? o.psi
                                 : 20 * std::max(sum_of_squares(curvature), 1.0) /
                                       (std::min(xi_g, 1.0) * std::min(o.xi_b, 1.0));
    const double ups = std::max({length_of(g), length_of(w), 1.0});
    const auto bound = [&] {
      return (0.5 - o.beta) * eta.eta2 / ((1 + eta.eta1 + eta.eta2) * ups * ups * psi * psi);
    };
    delta = std::max(std::min(delta, bound()), o.delta_floor);

    const Tensor kkt = kkt_matrix(curvature, g);
    const double kkt_norm = length_of(kkt);
    SketchedSystem system(kkt, b);
    if (o.sketch == "exact") {
      const Tensor z = linalg::solve(kkt, b);
      system.set({z.span().begin(), z.span().end()});
    }
    AdaSketchStep step{1, 0, 0, 0, 0, shift, 0};
    const int64 n = b.numel(), d = run.x.numel();
    const auto solve = [&] {
      while (kkt_norm * psi * system.residual_norm() > theta * delta * length) {
        if (++step.sketches > kMostSketches)
          fail<NumericError>("adasketch-newton: {} projections leave a residual of {:.2g} at iteration {}",
                             kMostSketches, system.residual_norm(), k);
        if (o.sketch == "kaczmarz")
          system.project_row(source.row(n));
        else
          system.project_vector(source.vector(n));
      }
    };
    while (true) {
      if (o.sketch != "exact") solve();
      const std::span<const double> z = system.z();
      step.slope = dot_of(at.merit_x, z) + dot_of(at.merit_lambda, z.subspan(static_cast<size_t>(d)));
      if (step.slope <= -eta.eta2 / 2 * length * length || eta.eta1 > kMostEta1 || eta.eta2 < kLeastEta2)
        break;
      eta = {eta.eta1 * o.nu * o.nu, eta.eta2 / o.nu};
      delta = std::max(std::min(delta / std::pow(o.nu, 4), bound()), o.delta_floor);
      at = merit_point(p, run.x, run.lambda, eta);
    }
    step.eta1 = eta.eta1, step.eta2 = eta.eta2, step.delta = delta;

    const std::span<const double> z = system.z(), z_lambda = z.subspan(static_cast<size_t>(d));
    // A fall below the rounding of the merit cannot be seen.
    const double unseen =
        4 * double(std::numeric_limits<real>::epsilon()) * std::max(1.0, std::abs(at.merit));
    for (int64 halvings = 0;; ++halvings, step.alpha /= 2) {
      const Tensor x = moved(run.x, z, step.alpha), lambda = moved(run.lambda, z_lambda, step.alpha);
      if (merit_alone(p, x, lambda, eta) <= at.merit + step.alpha * o.beta * step.slope + unseen) {
        run.x = x, run.lambda = lambda;
        break;
      }
      if (halvings == kMostHalvings)
        fail<NumericError>("adasketch-newton: no step makes the merit smaller at iteration {}", k);
    }
    run.steps.push_back(step);
    theta *= o.theta_decay;
  }
}

}  // namespace gradus
