#include "optim/vocabulary/gauss_newton.h"

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

Tensor column(const Tensor& x) { return x.view({x.numel(), 1}); }
Tensor flat(const Tensor& x) { return x.view(Shape{x.numel()}); }

void add_to_diagonal(Tensor& a, double value) {
  real* p = a.mutable_data();
  for (int64 i = 0; i < a.dim(0); ++i) p[i * a.dim(0) + i] += static_cast<real>(value);
}

// S y (n*c) of y (n*k), or S' x (n*k) of x (n*c), sample by sample.
Tensor root_times(const Tensor& root, const Tensor& y, bool transposed) {
  const int64 n = root.dim(0), c = root.dim(1), k = root.dim(2);
  Tensor out = Tensor::zeros(Shape{n * (transposed ? k : c)});
  real* to = out.mutable_data();
  for (int64 i = 0; i < n; ++i)
    for (int64 row = 0; row < c; ++row) {
      const real* s = root.data() + (i * c + row) * k;
      for (int64 j = 0; j < k; ++j) {
        if (transposed)
          to[i * k + j] += s[j] * y.data()[i * c + row];
        else
          to[i * c + row] += s[j] * y.data()[i * k + j];
      }
    }
  return out;
}

// (M'M/n + s)^-1 v = (v - M' (n*s*I + M M')^-1 M v)/s with M = S'J.
Tensor solve_damped_by_root(const GaussNewton& model, const Tensor& v, double damping) {
  Tensor a = model.root_gram();
  add_to_diagonal(a, static_cast<double>(model.root.dim(0)) * damping);
  const Tensor right = root_times(model.root, gauss_newton_times(model, v), true);
  const Tensor y = linalg::solve_positive(a, right);
  const Tensor back = gauss_newton_transposed_times(model, root_times(model.root, y, false));
  Tensor out(v.shape());
  real* to = out.mutable_data();
  const real scale = static_cast<real>(1 / damping);
  for (int64 i = 0; i < v.numel(); ++i) to[i] = (v.data()[i] - back.data()[i]) * scale;
  return out;
}

}  // namespace

Tensor gauss_newton_gram(const GaussNewton& model) {
  return model.gram ? model.gram() : linalg::matmul(model.jacobian, model.jacobian, false, true);
}
Tensor gauss_newton_transposed_times(const GaussNewton& model, const Tensor& x) {
  return model.transposed_times ? model.transposed_times(x)
                                : flat(linalg::matmul(model.jacobian, column(x), true));
}
Tensor gauss_newton_times(const GaussNewton& model, const Tensor& p) {
  return model.times ? model.times(p) : flat(linalg::matmul(model.jacobian, column(p)));
}

Tensor gauss_newton_curvature_times(const GaussNewton& model, const Tensor& x) {
  const int64 n = model.curvature.dim(0), c = model.curvature.dim(1);
  if (x.dim(0) != n * c)
    fail<ShapeError>("Gauss-Newton: curvature {} and {} do not fit", model.curvature.shape().str(),
                     x.shape().str());
  const int64 k = x.numel() / std::max<int64>(1, n * c);
  Tensor out(x.shape());
  real* to = out.mutable_data();
  for (int64 i = 0; i < n; ++i)
    for (int64 row = 0; row < c; ++row)
      for (int64 j = 0; j < k; ++j) {
        double sum = 0;
        for (int64 col = 0; col < c; ++col)
          sum += static_cast<double>(model.curvature.data()[(i * c + row) * c + col]) *
                 static_cast<double>(x.data()[(i * c + col) * k + j]);
        to[(i * c + row) * k + j] = static_cast<real>(sum);
      }
  return out;
}

Tensor solve_damped(const GaussNewton& model, const Tensor& v, double damping) {
  if (model.root_gram) return solve_damped_by_root(model, v, damping);
  const double n = static_cast<double>(model.curvature.dim(0));
  if (model.jacobian.defined() && model.jacobian.dim(1) <= model.jacobian.dim(0)) {
    Tensor a = linalg::matmul(model.jacobian, gauss_newton_curvature_times(model, model.jacobian), true);
    real* p = a.mutable_data();
    for (int64 i = 0; i < a.numel(); ++i) p[i] /= static_cast<real>(n);
    add_to_diagonal(a, damping);
    return linalg::solve_positive(a, v);
  }
  // (J'QJ/n + s)^-1 v = (v - J' (n*s*I + Q J J')^-1 Q J v)/s
  Tensor a = gauss_newton_curvature_times(model, gauss_newton_gram(model));
  add_to_diagonal(a, n * damping);
  const Tensor x = linalg::solve(a, gauss_newton_curvature_times(model, gauss_newton_times(model, v)));
  const Tensor back = gauss_newton_transposed_times(model, x);
  Tensor out(v.shape());
  real* to = out.mutable_data();
  for (int64 i = 0; i < v.numel(); ++i) to[i] = (v.data()[i] - back.data()[i]) / static_cast<real>(damping);
  return out;
}

}  // namespace gradus
