// Linear algebra: solutions, inverse, factorisations. Derivations follow M. Giles, "Collected matrix
// derivative results for forward and reverse mode algorithmic differentiation", 2008, and, for the Cholesky
// factor, I. Murray, "Differentiation of the Cholesky decomposition", arXiv 1602.07527, 2016.
#include "autograd/ops/linalg.h"

#include <cmath>

#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/matmul.h"
#include "core/linalg.h"

namespace gradus {
namespace {

// The weights of a matrix's lower (or upper) triangle: 1 strictly inside, `diagonal` on it, 0 beyond.
Tensor triangle_weights(int64 n, bool upper, real diagonal) {
  Tensor m = Tensor::zeros({n, n});
  real* p = m.mutable_data();
  for (int64 i = 0; i < n; ++i) {
    p[i * n + i] = diagonal;
    for (int64 j = 0; j < i; ++j) p[upper ? j * n + i : i * n + j] = 1;
  }
  return m;
}
Tensor symmetric_part(const Tensor& a) { return real(0.5) * (a + transpose(a)); }
Tensor symmetrized(const Tensor& a) {  // on values, for the kernels
  return kernels::zip(a.detach(), linalg::transpose(a), [](real x, real y) { return real(0.5) * (x + y); });
}

// A X = B: A dX = dB - dA X. With W = A'^-1 G: dB = W, dA = -W X'.
const Primitive kSolve{
    .name = "solve",
    .forward = [](const Ctx& c) { return linalg::solve(c[0], c[1]); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const Tensor w = solve(transpose(c[0]), g);
          return Grads{c.needs(0) ? neg(matmul(w, c.out(), false, true)) : Tensor(), w};
        },
    .jvp = [](const Ctx& c, int i,
              const Tensor& t) { return solve(c[0], i == 1 ? t : neg(matmul(t, c.out()))); },
    .saves = save_input(0) | kSaveOutput};

// As solve, with op(T) for A; dT keeps T's own triangle.
struct Form {
  bool upper, transpose;
};
Tensor on_triangle(const Tensor& t, bool upper) { return t * triangle_weights(t.dim(0), upper, 1); }
const Primitive kSolveTriangular{
    .name = "solve_triangular",
    .forward =
        [](const Ctx& c) {
          const auto [upper, trans] = c.attr<Form>();
          return linalg::solve_triangular(c[0], c[1], {upper, trans, false});
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const auto [upper, trans] = c.attr<Form>();
          const Tensor w = solve_triangular(c[0], g, upper, !trans);
          Tensor dt;
          if (c.needs(0)) dt = trans ? matmul(c.out(), w, false, true) : matmul(w, c.out(), false, true);
          return Grads{dt.defined() ? neg(on_triangle(dt, upper)) : dt, w};
        },
    .jvp =
        [](const Ctx& c, int i, const Tensor& t) {
          const auto [upper, trans] = c.attr<Form>();
          if (i == 1) return solve_triangular(c[0], t, upper, trans);
          return solve_triangular(c[0], neg(matmul(on_triangle(t, upper), c.out(), trans)), upper, trans);
        },
    .saves = save_input(0) | kSaveOutput};

// Y = A^-1: dY = -Y dA Y.
const Primitive kInverse{
    .name = "inverse",
    .forward = [](const Ctx& c) { return linalg::solve(c[0], linalg::identity(c[0].dim(0))); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          return Grads{neg(matmul(matmul(c.out(), g, true, false), c.out(), false, true))};
        },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return neg(matmul(matmul(c.out(), t), c.out())); },
    .saves = kSaveOutput};

// dL = L Phi(L^-1 dA L'^-1), Phi = lower triangle with half the diagonal. The adjoint of that map:
// dA = sym(L'^-1 Phi(L' G) L^-1).
const Primitive kCholesky{
    .name = "cholesky",
    .forward = [](const Ctx& c) { return linalg::cholesky(symmetrized(c[0])); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const Tensor& l = c.out();
          const Tensor phi = matmul(l, g, true) * triangle_weights(l.dim(0), false, real(0.5));
          const Tensor left = solve_triangular(l, phi, false, true);  // L'^-1 Phi
          return Grads{symmetric_part(transpose(solve_triangular(l, transpose(left), false, true)))};
        },
    .jvp =
        [](const Ctx& c, int, const Tensor& t) {
          const Tensor& l = c.out();
          const Tensor left = solve_triangular(l, symmetric_part(t), false);  // L^-1 dA
          const Tensor both = solve_triangular(l, transpose(left), false);    // L^-1 dA L'^-1, symmetric
          return matmul(l, both * triangle_weights(l.dim(0), false, real(0.5)));
        },
    .saves = kSaveOutput};

// The result is V (n,n) with the values as row n: (n+1, n). With P = V' dA V:
//   dw = diag(P), dV = V (F o P), F_ij = 1/(w_j - w_i) off the diagonal, else 0.
// Where w_i = w_j, V has no derivative; what does not use V has one all the same.
Tensor packed(const Tensor& vectors, const Tensor& values) {
  const Tensor parts[] = {vectors, reshape(values, {1, values.numel()})};
  return concat(parts, 0);
}
Tensor vectors_of(const Tensor& y) { return slice(y, 0, 0, y.dim(1)); }
Tensor values_of(const Tensor& y) { return slice(y, 0, y.dim(1), y.dim(1) + 1); }  // (1,n)
Tensor identity_weights(int64 n) { return triangle_weights(n, false, 1) * triangle_weights(n, true, 1); }
Tensor over_gaps(const Tensor& p, const Tensor& values) {  // (n,n), (1,n) -> F o P
  const Tensor off = real{1} - identity_weights(values.numel()), gaps = values - transpose(values);
  const Tensor live = kernels::zip(p.detach(), gaps.detach(),
                                   [](real x, real gap) { return x != 0 || gap != 0 ? real{1} : real{0}; });
  const Tensor mask = off * live;
  return masked(p, mask) / where(mask, gaps, Tensor::scalar(1));
}
const Primitive kEigh{
    .name = "eigh",
    .forward =
        [](const Ctx& c) {
          auto [values, vectors] = linalg::eigh(symmetrized(c[0]));
          const int64 n = values.numel();
          real* v = vectors.mutable_data();
          for (int64 j = 0; j < n; ++j) {  // an eigenvector's sign is arbitrary: fix it
            int64 top = 0;
            for (int64 i = 1; i < n; ++i)
              if (std::abs(v[i * n + j]) > std::abs(v[top * n + j])) top = i;
            if (v[top * n + j] < 0)
              for (int64 i = 0; i < n; ++i) v[i * n + j] *= -1;
          }
          return packed(vectors, values);
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          const Tensor v = vectors_of(c.out()), w = values_of(c.out());
          const Tensor inner =
              identity_weights(w.numel()) * values_of(g) + over_gaps(matmul(v, vectors_of(g), true), w);
          return Grads{symmetric_part(matmul(matmul(v, inner), v, false, true))};
        },
    .jvp =
        [](const Ctx& c, int, const Tensor& t) {
          const Tensor v = vectors_of(c.out()), w = values_of(c.out());
          const Tensor p = matmul(matmul(v, symmetric_part(t), true), v);
          return packed(matmul(v, over_gaps(p, w)), sum(p * identity_weights(w.numel()), {0}));
        },
    .saves = kSaveOutput};

// Factorisations without derivative rules: packed one below the other, and differentiating them is refused.
Primitive forward_only(const char* name, Tensor (*kernel)(const Ctx&)) {
  return {.name = name,
          .forward = kernel,
          .vjp = [=](const Ctx&, const Tensor&) -> Grads { fail<GraphError>("{}: has no derivative", name); },
          .jvp = [=](const Ctx&, int, const Tensor&) -> Tensor {
            fail<GraphError>("{}: has no derivative", name);
          },
          .saves = kSaveNothing};
}
const Primitive kSvd = forward_only("svd", [](const Ctx& c) {
  const auto [u, s, vt] = linalg::svd(c[0]);
  const Tensor parts[] = {u, s.view({1, s.numel()}), linalg::transpose(vt)};
  return concat(parts, 0);
});
const Primitive kQr = forward_only("qr", [](const Ctx& c) {
  const auto [q, r] = linalg::qr(c[0]);
  const Tensor parts[] = {q, r};
  return concat(parts, 0);
});

void check_square(const char* op, const Tensor& a) {
  if (a.rank() != 2 || a.dim(0) != a.dim(1))
    fail<ShapeError>("{}: needs a square matrix, not {}", op, a.shape().str());
}
void check_system(const char* op, const Tensor& a, const Tensor& b) {
  check_square(op, a);
  if (b.rank() < 1 || b.rank() > 2 || b.dim(0) != a.dim(0))
    fail<ShapeError>("{}: matrix {} with right-hand side {}", op, a.shape().str(), b.shape().str());
}
// Calls f on a right-hand side (n,k), made so from (n) if need be.
template <class F>
Tensor as_columns(const Tensor& b, const F& f) {
  return b.rank() == 2 ? f(b) : reshape(f(reshape(b, {b.numel(), 1})), b.shape());
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) {
  check_system("solve", a, b);
  return as_columns(b, [&](const Tensor& rhs) { return apply(kSolve, {a, rhs}); });
}
Tensor solve_triangular(const Tensor& t, const Tensor& b, bool upper, bool transpose) {
  check_system("solve_triangular", t, b);
  return as_columns(b, [&](const Tensor& rhs) {
    return apply(kSolveTriangular, {t, rhs}, Attr::of(Form{upper, transpose}));
  });
}
Tensor inverse(const Tensor& a) {
  check_square("inverse", a);
  return apply(kInverse, {a});
}
Tensor cholesky(const Tensor& a) {
  check_square("cholesky", a);
  return apply(kCholesky, {a});
}
Eigh eigh(const Tensor& a) {
  check_square("eigh", a);
  const Tensor y = apply(kEigh, {a});
  return {reshape(values_of(y), {a.dim(0)}), vectors_of(y)};
}
SvdResult svd(const Tensor& a) {
  if (a.rank() != 2) fail<ShapeError>("svd: needs a matrix, not {}", a.shape().str());
  const int64 m = a.dim(0), n = a.dim(1), k = std::min(m, n);
  const Tensor y = apply(kSvd, {a});
  return {slice(y, 0, 0, m), reshape(slice(y, 0, m, m + 1), {k}), slice(y, 0, m + 1, m + 1 + n)};
}
QrResult qr(const Tensor& a) {
  if (a.rank() != 2 || a.dim(0) < a.dim(1))
    fail<ShapeError>("qr: needs a matrix with no more columns than rows, not {}", a.shape().str());
  const Tensor y = apply(kQr, {a});
  return {slice(y, 0, 0, a.dim(0)), slice(y, 0, a.dim(0), a.dim(0) + a.dim(1))};
}

PrimitiveList linalg_primitives() { return {&kSolve, &kSolveTriangular, &kInverse, &kCholesky, &kEigh}; }
PrimitiveList forward_only_primitives() { return {&kSvd, &kQr}; }

}  // namespace gradus
