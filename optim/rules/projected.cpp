#include "optim/rules/projected.h"

#include <algorithm>
#include <cmath>

#include "core/linalg.h"

namespace gradus::rules {
namespace {

std::vector<double> channel_norms(const Tensor& x, bool columns) {
  const int64 m = x.dim(0), n = x.dim(1);
  std::vector<double> squares(static_cast<size_t>(columns ? n : m));
  for (int64 i = 0; i < m; ++i)
    for (int64 j = 0; j < n; ++j) {
      const double y = static_cast<double>(x.data()[i * n + j]);
      squares[static_cast<size_t>(columns ? j : i)] += y * y;
    }
  for (double& y : squares) y = std::sqrt(y);
  return squares;
}

}  // namespace

Tensor ShortSide::down(const Tensor& x) const {
  return left ? linalg::matmul(p, x, true) : linalg::matmul(x, p);
}

Tensor ShortSide::back(const Tensor& x) const {
  return left ? linalg::matmul(p, x) : linalg::matmul(x, p, false, true);
}

std::vector<double> ShortSide::channel_ratios(const Tensor& a, const Tensor& b) const {
  std::vector<double> ratios = channel_norms(a, left);
  const std::vector<double> below = channel_norms(b, left);
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] /= below[i] + 1e-8;
  return ratios;
}

void ShortSide::scale_channels(Tensor& x, const std::vector<double>& factors) const {
  const int64 n = x.dim(1);
  const std::vector<real> f(factors.begin(), factors.end());
  real* to = x.mutable_data();
  for_each_row(x.dim(0), n, [&](int64 i) {
    if (left)
      elements(
          n, [](real& y, real c) { y *= c; }, to + i * n, f.data());
    else
      elements(
          n, [c = f[static_cast<size_t>(i)]](real& y) { y *= c; }, to + i * n);
  });
}

Tensor singular_basis(const Tensor& x, int64 rank) {
  const linalg::Svd f = linalg::svd(x);
  const bool left = x.dim(0) < x.dim(1);
  Tensor basis = left ? f.u : linalg::transpose(f.vt);  // (shorter side, all)
  const int64 side = basis.dim(0), all = basis.dim(1);
  Tensor out({side, rank});
  real* to = out.mutable_data();
  for (int64 j = 0; j < rank; ++j) {
    real largest = 0;
    for (int64 i = 0; i < side; ++i) {
      const real y = basis.data()[i * all + j];
      if (std::abs(y) > std::abs(largest)) largest = y;
    }
    for (int64 i = 0; i < side; ++i)
      to[i * rank + j] = largest < 0 ? -basis.data()[i * all + j] : basis.data()[i * all + j];
  }
  return out;
}

Tensor adam_direction(State& s, const Tensor& x, const MomentOptions& o) {
  const Ema first(o.beta1), second(o.beta2);
  Tensor u = x.clone();
  for_each_element(u, s("m", x.shape()), s("v", x.shape()),
                   [=, eps = real(o.eps)](real& y, real& m, real& v) {
                     m = first(m, y);
                     v = second(v, y * y);
                     y = m / (std::sqrt(v) + eps);
                   });
  return u;
}

void move_then_decay(Param& p, const Tensor& u, double step, double lr, double weight_decay) {
  for_each_element(p.data, u,
                   [keep = Decay::decoupled(weight_decay, lr).keep, by = real(step)](real& w, real d) {
                     w = keep * (w - by * d);
                   });
}

void plain_adam(Param& p, State& s, const MomentOptions& o, const StepInfo& k) {
  const double lr = o.lr * k.lr_scale;
  const real step = real(efficient_step(lr, o.beta1, o.beta2, k.t)), eps = real(o.eps),
             keep = Decay::decoupled(o.weight_decay, lr).keep;
  const Ema first(o.beta1), second(o.beta2);
  for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
    m = first(m, g);
    v = second(v, g * g);
    w = keep * (w - step * m / (std::sqrt(v) + eps));
  });
}

void limit_growth(Tensor& x, State& s) {
  const double now = norm(x);
  double& before = s.scalar("norm");
  const double excess = before > 0 ? std::max(now / (before + 1e-8), 1.01) / 1.01 : 1;
  if (excess > 1) for_each_element(x, [c = real(1 / excess)](real& y) { y *= c; });
  before = now / excess;
}

}  // namespace gradus::rules
