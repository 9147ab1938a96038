// PSGD with Kronecker factors, fitted by random probes.
// Papers: Li, "Preconditioned Stochastic Gradient Descent", 2018, arXiv 1512.04202; in the form of Frans, Abbeel,
//         Levine, "What Really Matters in Matrix-Whitening Optimizers?", 2025, arXiv 2510.25000.
//   G (m,n);   M = beta1*M + (1-beta1)*G;   Mh = M/(1-beta1^t);   QL (m,m), QR (n,n) upper triangular, I at first
//   H = Mh + sqrt(2^-23)*mean|Mh|*Z,  Z normal;   A = QL H QR';   B = (QL')^-1 Z QR^-1          (both from old QL, QR)
//   QL -= precond_lr*triu(A A' - B B')/||A A' + B B'|| * QL;   QR likewise with A' A and B' B        (spectral norms)
//   U = QL'QL Mh QR'QR, divided by max(1, rms(U)/1.1);   W <- W - lr*(U + weight_decay*W)
// With probability 0.01 max|QL| and max|QR| are first brought to their geometric mean. The spectral norm is exact (the
// code uses a lower bound of it); of factors longer than 64 it is found by power iteration, to 1e-4. With a side longer
// than max_dim a matrix goes to the companion.
#include "core/rng.h"
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct Psgd {
  struct Options : CompanionOptions {
    double lr = 1e-3, beta1 = 0.9, weight_decay = 0, precond_lr = 0.1;
    int64 max_dim = 2048;
    void visit(auto&& f) {
      f("lr", lr, "step size of matrices", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("weight_decay", weight_decay, "decoupled decay of matrices", at_least(0));
      f("precond_lr", precond_lr, "step size of the preconditioner", {.low = 0, .high = 1, .low_open = true});
      f("max_dim", max_dim, "longest side that is preconditioned", at_least(1));
      visit_companion(f);
    }
  };
  static constexpr bool kDecoupled = true;

  static double largest(const Tensor& t) {
    double top = 0;
    for (real x : t.span()) top = std::max(top, std::abs(static_cast<double>(x)));
    return top;
  }

  static void balance(Tensor& ql, Tensor& qr) {
    const double a = largest(ql), b = largest(qr), middle = std::sqrt(a * b);
    for_each_element(ql, [c = real(middle / a)](real& x) { x *= c; });
    for_each_element(qr, [c = real(middle / b)](real& x) { x *= c; });
  }

  // Largest eigenvalue of a positive semidefinite matrix.
  static double top_eigenvalue(const Tensor& a) {
    const int64 n = a.dim(0);
    if (n <= 64) return linalg::spectral_norm(a);
    int64 widest = 0;
    for (int64 i = 1; i < n; ++i)
      if (a.data()[i * n + i] > a.data()[widest * n + widest]) widest = i;
    Tensor x = a.rows(widest, widest + 1).clone().view({n, 1});
    if (!(norm(x) > 0)) return 0;
    return linalg::power_iteration([&](const Tensor& y) { return linalg::matmul(a, y); }, x, 50, 1e-5);
  }

  // Q - rate*triu(P - N)/||P + N|| Q, P = A A' or A' A, N of B.
  static Tensor fitted(const Tensor& q, const Tensor& a, const Tensor& b, bool transposed, double rate) {
    Tensor plus = linalg::matmul(a, a, transposed, !transposed), minus = plus.clone();
    const Tensor bb = linalg::matmul(b, b, transposed, !transposed);
    for_each_element(plus, minus, bb, [](real& sum, real& difference, real x) { sum += x, difference -= x; });
    const double length = top_eigenvalue(plus);
    if (!(length > 0)) return q.clone();
    const int64 n = q.dim(0);
    real* d = minus.mutable_data();
    for (int64 i = 0; i < n; ++i) std::fill_n(d + i * n, i, real(0));
    Tensor out = q.clone();
    linalg::matmul_into(out, 1, -rate / length, minus, q);
    return out;
  }

  // The probe, and whether the factors are balanced now: prescribed, or a function of name and step.
  static std::pair<Tensor, bool> draw(const Pass<Options>& pass, const Item<Options>& item) {
    const Shape shape{item.p.rows(), item.p.cols()};
    if (const PrescribedDraws* given = pass.objective.prescribed_draws())
      return {Around(pass).of_items(given->probe)[item.p.index].view(shape), given->balance};
    Rng rng = Rng(static_cast<std::uint64_t>(item.t)).fork(item.p.name);
    const bool due = rng.bernoulli(0.01);
    return {rng.normal_tensor(shape), due};
  }

  static void update_matrix(Pass<Options>& pass, Item<Options>& item) {
    auto& [p, s, o, group, t] = item;
    const int64 m = p.rows(), n = p.cols();
    Tensor& ql = s.has("QL") ? s("QL", {m, m}) : s.starting_at("QL", linalg::identity(m));
    Tensor& qr = s.has("QR") ? s("QR", {n, n}) : s.starting_at("QR", linalg::identity(n));
    const Tensor mh = looked_ahead(p, momentum_matrix(p, s, o.beta1), 0, 1 / bias_correction(o.beta1, t));
    const auto [z, due] = draw(pass, item);
    if (due) balance(ql, qr);
    const double size = sum_elements(mh, [](real x) { return static_cast<double>(std::abs(x)); }) /
                        static_cast<double>(mh.numel());
    Tensor h = mh.clone();
    for_each_element(h, z, [c = real(std::sqrt(0x1p-23) * size)](real& x, real y) { x += c * y; });
    const Tensor a = linalg::matmul(linalg::matmul(ql, h), qr, false, true);
    const Tensor b =
        linalg::solve_triangular(qr, linalg::solve_triangular(ql, z, {.upper = true, .transpose = true}),
                                 {.upper = true, .right = true});
    const Tensor next = fitted(ql, a, b, false, o.precond_lr);
    qr.copy_from(fitted(qr, a, b, true, o.precond_lr));
    ql.copy_from(next);
    Tensor u = linalg::matmul(ql, linalg::matmul(ql, mh), true);
    u = linalg::matmul(linalg::matmul(u, qr, false, true), qr);
    const double rms = norm(u) / std::sqrt(static_cast<double>(u.numel()));
    for_each_element(u, [c = real(1 / std::max(1.0, rms / 1.1))](real& x) { x *= c; });
    descend(p, u, o.lr * pass.info.lr_scale, o.weight_decay);
  }

  static void step(Pass<Options>& pass) {
    for (auto& item : pass.items) {
      const bool matrix = takes_matrix(item.p) && std::max(item.p.rows(), item.p.cols()) <= item.o.max_dim;
      matrix ? update_matrix(pass, item) : companion_step(item.p, item.s, item.o, pass.info_of(item));
    }
  }
};

}  // namespace

OptimizerEntry psgd() {
  return rule_entry<Psgd>({"psgd", "momentum between triangular factors fitted by random probes",
                           "Li, 2018, arXiv 1512.04202; Frans, Abbeel, Levine, 2025, arXiv 2510.25000"});
}

}  // namespace gradus::rules
