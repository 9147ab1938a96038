#include "optim/rules/matrix.h"

namespace gradus::rules {

void adam_step(Param& p, State& s, double lr, double beta1, double beta2, double eps, double weight_decay,
               int64 t) {
  const Ema first(beta1), second(beta2);
  const real keep = real(1 - lr * weight_decay), step = real(lr / bias_correction(beta1, t));
  const real root = real(1 / std::sqrt(bias_correction(beta2, t))), floor = real(eps);
  for_each_element(p.data, p.grad, s("m"), s("v"), [=](real& w, real g, real& m, real& v) {
    m = first(m, g);
    v = second(v, g * g);
    const real u = m == 0 ? real(0) : step * m / (root * std::sqrt(v) + floor);
    w = keep * w - u;
  });
}

Tensor momentum_matrix(const Param& p, State& s, double beta) {
  Tensor& m = s("m");
  for_each_element(m, p.grad, [mean = Ema(beta)](real& x, real g) { x = mean(x, g); });
  return as_matrix(m);
}

Tensor looked_ahead(const Param& p, const Tensor& m, double lookahead, double scale) {
  Tensor out = m.clone();
  for_each_element(out, p.grad,
                   [keep = real((1 - lookahead) * scale), take = real(lookahead * scale)](real& x, real g) {
                     x = keep * x + take * g;
                   });
  return out;
}

void descend(Param& p, const Tensor& u, double lr, double weight_decay) {
  for_each_element(p.data, u, [keep = real(1 - lr * weight_decay), step = real(lr)](real& w, real d) {
    w = keep * w - step * d;
  });
}

std::vector<linalg::NewtonSchulzStep> newton_schulz_named(const std::string& name, int iterations) {
  return name == "classic" ? linalg::newton_schulz_classic(iterations)
                           : linalg::newton_schulz_per_iteration();
}

void divide_by_rank1(Tensor& u, const Tensor& squared, State& s, double beta2, double correction,
                     double eps) {
  const int64 m = u.dim(0), n = u.dim(1);
  std::vector<double> row(static_cast<size_t>(m)), col(static_cast<size_t>(n));
  const real* x = squared.data();
  for (int64 i = 0; i < m; ++i)
    for (int64 j = 0; j < n; ++j) {
      const double y = static_cast<double>(x[i * n + j]) * static_cast<double>(x[i * n + j]);
      row[static_cast<size_t>(i)] += y;
      col[static_cast<size_t>(j)] += y;
    }
  Tensor &r = s("r", Shape{m}), &c = s("c", Shape{n});
  real *pr = r.mutable_data(), *pc = c.mutable_data();
  double mean = 0;
  for (int64 i = 0; i < m; ++i) {
    pr[i] = real(beta2 * static_cast<double>(pr[i]) +
                 (1 - beta2) * row[static_cast<size_t>(i)] / static_cast<double>(n));
    mean += static_cast<double>(pr[i]) / static_cast<double>(m);
  }
  for (int64 j = 0; j < n; ++j)
    pc[j] = real(beta2 * static_cast<double>(pc[j]) +
                 (1 - beta2) * col[static_cast<size_t>(j)] / static_cast<double>(m));
  real* to = u.mutable_data();
  for (int64 i = 0; i < m; ++i) {
    const double part = mean > 0 ? static_cast<double>(pr[i]) / (mean * correction) : 0;
    for (int64 j = 0; j < n; ++j) {
      const double root = std::sqrt(part * static_cast<double>(pc[j])) + eps;
      to[i * n + j] = root > 0 ? real(static_cast<double>(to[i * n + j]) / root) : real(0);
    }
  }
}

void TwoSided::accumulate(const Tensor& g, double beta, double left_divisor, double right_divisor) {
  if (left) linalg::symmetric_product_into(l(), beta, (1 - beta) / left_divisor, g, g, false, true);
  if (right) linalg::symmetric_product_into(r(), beta, (1 - beta) / right_divisor, g, g, true, false);
}

void TwoSided::diagonalise(bool descending) {
  const auto basis = [&](const Tensor& a) {
    Tensor q = linalg::eigh(a).vectors;
    if (!descending) return q;
    Tensor turned(q.shape());
    const int64 n = q.dim(0);
    real* to = turned.mutable_data();
    for (int64 i = 0; i < n; ++i)
      for (int64 j = 0; j < n; ++j) to[i * n + j] = q.data()[i * n + n - 1 - j];
    return turned;
  };
  if (left) ql().copy_from(basis(l()));
  if (right) qr().copy_from(basis(r()));
}

Tensor TwoSided::rotate(const Tensor& x) {
  const Tensor half = left ? linalg::matmul(ql(), x, true) : x;
  return right ? linalg::matmul(half, qr()) : half.clone();
}

Tensor TwoSided::rotate_back(const Tensor& x) {
  const Tensor half = left ? linalg::matmul(ql(), x) : x;
  return right ? linalg::matmul(half, qr(), false, true) : half.clone();
}

}  // namespace gradus::rules
