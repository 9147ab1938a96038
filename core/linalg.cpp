#include "core/linalg.h"

#include <cblas.h>
#include <lapacke.h>

#include <algorithm>
#include <cmath>

#include "core/blas.h"
#include "core/error.h"
#include "core/kernels/gemm_symmetric.h"
#include "core/linalg_wide.h"

namespace gradus::linalg {
namespace {

using Wide = std::vector<double>;

void check_matrix(const Tensor& a, const char* what) {
  if (a.rank() != 2) fail<ShapeError>("{}: needs a matrix, not shape {}", what, a.shape().str());
}
void check_square(const Tensor& a, const char* what) {
  check_matrix(a, what);
  if (a.dim(0) != a.dim(1))
    fail<ShapeError>("{}: needs a square matrix, not shape {}", what, a.shape().str());
}
// Entries in double; what is not finite must not reach LAPACK.
Wide widen(const Tensor& a, const char* what) {
  Wide out(a.data(), a.data() + a.numel());
  for (double x : out)
    if (!std::isfinite(x))
      fail<NumericError>("{}: shape {} holds a NaN or an infinity", what, a.shape().str());
  return out;
}
Tensor narrow(const Wide& values, const Shape& shape) {
  Tensor out(shape);
  std::copy(values.begin(), values.end(), out.mutable_data());
  return out;
}
void check_info(lapack_int info, const char* what, const Tensor& a, const char* trouble) {
  if (info != 0) fail<NumericError>("{}: shape {}: {}", what, a.shape().str(), trouble);
}
lapack_int to_lapack(int64 n) { return static_cast<lapack_int>(n); }

// Threads of BLAS for a factorisation of so many operations: they are started for it and ended behind it, some tenths of a
// millisecond.
struct ForOperations : BlasThreads {
  explicit ForOperations(double operations) : BlasThreads(operations > 5e7) {}
};
double cube(int64 n) { return double(n) * double(n) * double(n); }

// B as columns of a matrix: (n) counts as (n,1).
int64 right_sides(const Tensor& a, const Tensor& b, const char* what) {
  if (b.rank() < 1 || b.rank() > 2 || b.dim(0) != a.dim(0))
    fail<ShapeError>("{}: matrix {} and right side {} do not fit", what, a.shape().str(), b.shape().str());
  return b.rank() == 2 ? b.dim(1) : 1;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool ta, bool tb) {
  check_matrix(a, "matmul"), check_matrix(b, "matmul");
  Tensor c({ta ? a.dim(1) : a.dim(0), tb ? b.dim(0) : b.dim(1)});
  matmul_into(c, 0, 1, a, b, ta, tb);
  return c;
}

void matmul_into(Tensor& c, double beta, double alpha, const Tensor& a, const Tensor& b, bool ta, bool tb) {
  check_matrix(a, "matmul"), check_matrix(b, "matmul");
  const int64 m = ta ? a.dim(1) : a.dim(0), k = ta ? a.dim(0) : a.dim(1), n = tb ? b.dim(0) : b.dim(1);
  if ((tb ? b.dim(1) : b.dim(0)) != k || !(c.shape() == Shape{m, n}))
    fail<ShapeError>("matmul: {}{} times {}{} into {} does not fit", a.shape().str(), ta ? "'" : "",
                     b.shape().str(), tb ? "'" : "", c.shape().str());
  gemm(ta, tb, m, n, k, static_cast<real>(alpha), a.data(), std::max<int64>(1, a.dim(1)), b.data(),
       std::max<int64>(1, b.dim(1)), static_cast<real>(beta), c.mutable_data(), std::max<int64>(1, n));
}

void symmetric_product_into(Tensor& c, double beta, double alpha, const Tensor& a, const Tensor& b, bool ta,
                            bool tb) {
  check_matrix(a, "symmetric product"), check_matrix(b, "symmetric product");
  const int64 m = ta ? a.dim(1) : a.dim(0), k = ta ? a.dim(0) : a.dim(1);
  const bool fits =
      (tb ? b.dim(0) : b.dim(1)) == m && (tb ? b.dim(1) : b.dim(0)) == k && c.shape() == Shape{m, m};
  const auto left = kernels::matrix_view(a.data(), a.dim(1), ta),
             right = kernels::matrix_view(b.data(), b.dim(1), tb);
  if (!fits || !kernels::symmetric_product_pays(left, m, k)) return matmul_into(c, beta, alpha, a, b, ta, tb);
  real* entries = c.mutable_data();
  if (beta != 0 && beta != 1)
    for (int64 i = 0; i < c.numel(); ++i) entries[i] *= static_cast<real>(beta);
  kernels::gemm_symmetric(left, right, m, k, static_cast<real>(alpha), entries, m, beta != 0);
}

Tensor transpose(const Tensor& a) {
  check_matrix(a, "transpose");
  const int64 m = a.dim(0), n = a.dim(1);
  Tensor out({n, m});
  const real* from = a.data();
  real* to = out.mutable_data();
  constexpr int64 kTile = 32;
  for (int64 i0 = 0; i0 < m; i0 += kTile)
    for (int64 j0 = 0; j0 < n; j0 += kTile)
      for (int64 i = i0; i < std::min(m, i0 + kTile); ++i)
        for (int64 j = j0; j < std::min(n, j0 + kTile); ++j) to[j * m + i] = from[i * n + j];
  return out;
}

Tensor identity(int64 n) {
  Tensor out = Tensor::zeros({n, n});
  real* p = out.mutable_data();
  for (int64 i = 0; i < n; ++i) p[i * n + i] = 1;
  return out;
}

Eigen eigh(const Tensor& a) {
  check_square(a, "eigh");
  const int64 n = a.dim(0);
  // A symmetric matrix is the same in either order; LAPACK's columns are then our rows.
  Wide vectors = widen(a, "eigh"), values(static_cast<size_t>(n));
  const ForOperations threads(9 * cube(n));
  lapack_int info = 0;
  bool done = false;
  if constexpr (sizeof(real) == 4) {
    if (n >= kWideBelow) {
      std::vector<float> single(a.data(), a.data() + a.numel()), found(static_cast<size_t>(n));
      info =
          LAPACKE_ssyevd(LAPACK_COL_MAJOR, 'V', 'U', to_lapack(n), single.data(), to_lapack(n), found.data());
      done = info == 0;
      if (done) {
        std::copy(single.begin(), single.end(), vectors.begin());
        std::copy(found.begin(), found.end(), values.begin());
      }
    }
  }
  if (!done && n > 0)
    info =
        LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', to_lapack(n), vectors.data(), to_lapack(n), values.data());
  check_info(info, "eigh", a, "no convergence");
  return {narrow(values, {n}), transpose(narrow(vectors, {n, n}))};
}

Tensor spectral_function(const Eigen& eigen, const std::function<double(double)>& f) {
  const int64 n = eigen.values.numel();
  Tensor scaled = eigen.vectors.clone();
  std::vector<real> factor;
  for (real value : eigen.values.span()) factor.push_back(static_cast<real>(f(static_cast<double>(value))));
  real* p = scaled.mutable_data();
  for (int64 i = 0; i < n; ++i)
    for (int64 j = 0; j < n; ++j) p[i * n + j] *= factor[static_cast<size_t>(j)];
  return matmul(scaled, eigen.vectors, false, true);
}

Tensor inverse_root(const Tensor& a, double p, double floor) {
  const Eigen eigen = eigh(a);
  double top = 0;
  for (real value : eigen.values.span()) top = std::max(top, static_cast<double>(value));
  if (top <= 0) fail<NumericError>("inverse root: shape {} has no positive eigenvalue", a.shape().str());
  return spectral_function(eigen, [=](double x) { return std::pow(std::max(x, floor * top), -1 / p); });
}

Svd svd(const Tensor& a) {
  check_matrix(a, "svd");
  const int64 m = a.dim(0), n = a.dim(1), k = std::min(m, n);
  if (k == 0) return {Tensor({m, 0}), Tensor(Shape{0}), Tensor({0, n})};
  Wide work = widen(a, "svd"), u(static_cast<size_t>(m * k)), s(static_cast<size_t>(k)),
       vt(static_cast<size_t>(k * n));
  const ForOperations threads(8.0 * double(m) * double(n) * double(k));
  const lapack_int info =
      LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', to_lapack(m), to_lapack(n), work.data(), to_lapack(n), s.data(),
                     u.data(), to_lapack(k), vt.data(), to_lapack(n));
  check_info(info, "svd", a, "no convergence");
  return {narrow(u, {m, k}), narrow(s, {k}), narrow(vt, {k, n})};
}

Tensor polar_factor(const Tensor& a) {
  Svd f = svd(a);
  const int64 m = a.dim(0), k = f.s.numel();
  real* u = f.u.mutable_data();
  for (int64 j = 0; j < k; ++j)
    if (static_cast<double>(f.s.data()[j]) <= 1e-12 * static_cast<double>(f.s.data()[0]))
      for (int64 i = 0; i < m; ++i) u[i * k + j] = 0;
  return matmul(f.u, f.vt);
}

double spectral_norm(const Tensor& a) {
  check_matrix(a, "spectral norm");
  const int64 m = a.dim(0), n = a.dim(1), k = std::min(m, n);
  if (k == 0) return 0;
  Wide work = widen(a, "spectral norm"), s(static_cast<size_t>(k)), unused(1);
  const ForOperations threads(3.0 * double(m) * double(n) * double(k));
  const lapack_int info =
      LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'N', to_lapack(m), to_lapack(n), work.data(), to_lapack(n), s.data(),
                     unused.data(), to_lapack(m), unused.data(), to_lapack(n));
  check_info(info, "spectral norm", a, "no convergence");
  return s[0];
}

Qr qr(const Tensor& a) {
  check_matrix(a, "qr");
  const int64 m = a.dim(0), n = a.dim(1);
  if (m < n) fail<ShapeError>("qr: needs at least as many rows as columns, not shape {}", a.shape().str());
  Wide work = widen(a, "qr"), tau(static_cast<size_t>(std::max<int64>(1, n)));
  const ForOperations threads(4.0 * double(m) * double(n) * double(n));
  lapack_int info =
      LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, to_lapack(m), to_lapack(n), work.data(), to_lapack(n), tau.data());
  check_info(info, "qr", a, "illegal argument");
  Tensor r = Tensor::zeros({n, n});
  real* to = r.mutable_data();
  for (int64 i = 0; i < n; ++i)
    for (int64 j = i; j < n; ++j) to[i * n + j] = static_cast<real>(work[static_cast<size_t>(i * n + j)]);
  info = LAPACKE_dorgqr(LAPACK_ROW_MAJOR, to_lapack(m), to_lapack(n), to_lapack(n), work.data(), to_lapack(n),
                        tau.data());
  check_info(info, "qr", a, "illegal argument");
  return {narrow(work, {m, n}), r};
}

Tensor cholesky(const Tensor& a) {
  check_square(a, "cholesky");
  const int64 n = a.dim(0);
  Wide work = widen(a, "cholesky");
  const ForOperations threads(cube(n) / 3);
  check_info(LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', to_lapack(n), work.data(), to_lapack(n)), "cholesky", a,
             "the matrix is not positive definite");
  for (int64 i = 0; i < n; ++i)
    for (int64 j = i + 1; j < n; ++j) work[static_cast<size_t>(i * n + j)] = 0;
  return narrow(work, {n, n});
}

namespace {

// Large systems of the float build with one right side. The lower triangle by rows is the upper one by columns.
Tensor solve_positive_narrow(const Tensor& a, const Tensor& b) {
  for (const Tensor* t : {&a, &b})
    for (real x : t->span())
      if (!std::isfinite(x))
        fail<NumericError>("solve: shape {} holds a NaN or an infinity", t->shape().str());
  Tensor matrix = a.clone(), x = b.clone();
  const ForOperations threads(cube(a.dim(0)) / 3);
  const lapack_int n = to_lapack(a.dim(0));
  lapack_int info = 0;
  if constexpr (sizeof(real) == sizeof(float))
    info = LAPACKE_sposv(LAPACK_COL_MAJOR, 'U', n, 1, reinterpret_cast<float*>(matrix.mutable_data()), n,
                         reinterpret_cast<float*>(x.mutable_data()), n);
  check_info(info, "solve", a, "the matrix is not positive definite");
  return x;
}

}  // namespace

Tensor solve_positive(const Tensor& a, const Tensor& b) {
  check_square(a, "solve");
  const int64 n = a.dim(0), k = right_sides(a, b, "solve");
  if constexpr (sizeof(real) == sizeof(float))
    if (n >= kWideBelow && k == 1) return solve_positive_narrow(a, b);
  Wide matrix = widen(a, "solve"), x = widen(b, "solve");
  const ForOperations threads(cube(n) / 3 + 2.0 * double(n) * double(n) * double(k));
  check_info(LAPACKE_dposv(LAPACK_ROW_MAJOR, 'L', to_lapack(n), to_lapack(k), matrix.data(), to_lapack(n),
                           x.data(), to_lapack(k)),
             "solve", a, "the matrix is not positive definite");
  return narrow(x, b.shape());
}

Tensor solve(const Tensor& a, const Tensor& b) {
  check_square(a, "solve");
  const int64 n = a.dim(0), k = right_sides(a, b, "solve");
  Wide matrix = widen(a, "solve"), x = widen(b, "solve");
  const ForOperations threads(cube(n) * 2 / 3 + 2.0 * double(n) * double(n) * double(k));
  std::vector<lapack_int> pivots(static_cast<size_t>(n));
  check_info(LAPACKE_dgesv(LAPACK_ROW_MAJOR, to_lapack(n), to_lapack(k), matrix.data(), to_lapack(n),
                           pivots.data(), x.data(), to_lapack(k)),
             "solve", a, "the matrix is singular");
  return narrow(x, b.shape());
}

Tensor solve_triangular(const Tensor& t, const Tensor& b, Triangle form) {
  check_square(t, "triangular solve"), check_matrix(b, "triangular solve");
  const int64 n = t.dim(0), m = b.dim(0), k = b.dim(1);
  if ((form.right ? k : m) != n)
    fail<ShapeError>("triangular solve: matrix {} and right side {} do not fit", t.shape().str(),
                     b.shape().str());
  Wide triangle = widen(t, "triangular solve"), x = widen(b, "triangular solve");
  for (int64 i = 0; i < n; ++i)
    if (triangle[static_cast<size_t>(i * n + i)] == 0)
      fail<NumericError>("triangular solve: shape {}: the matrix is singular (zero at {})", t.shape().str(),
                         i);
  const ForOperations threads(double(n) * double(m) * double(k));
  if (n > 0 && m > 0 && k > 0)
    cblas_dtrsm(CblasRowMajor, form.right ? CblasRight : CblasLeft, form.upper ? CblasUpper : CblasLower,
                form.transpose ? CblasTrans : CblasNoTrans, CblasNonUnit, to_lapack(m), to_lapack(k), 1,
                triangle.data(), to_lapack(n), x.data(), to_lapack(k));
  return narrow(x, b.shape());
}

WideEigen eigh(std::span<const double> a, int64 n) {
  if (n < 0 || a.size() != static_cast<size_t>(n * n))
    fail<ShapeError>("eigh: {} entries for order {}", a.size(), n);
  WideEigen out{Wide(static_cast<size_t>(n)), Wide(a.begin(), a.end())};
  for (double entry : out.vectors)
    if (!std::isfinite(entry)) fail<NumericError>("eigh: the matrix holds a NaN or an infinity");
  const ForOperations threads(9 * cube(n));
  // A symmetric matrix is the same in either order; LAPACK's columns are then our rows.
  if (n > 0 && LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', to_lapack(n), out.vectors.data(), to_lapack(n),
                              out.values.data()) != 0)
    fail<NumericError>("eigh: order {}: no convergence", n);
  return out;
}

std::vector<double> solve_pseudo(std::span<const double> a, std::span<const double> b, double cutoff) {
  const size_t n = b.size();
  if (a.size() != n * n)
    fail<ShapeError>("pseudo-inverse: {} entries for {} unknowns, needs {}", a.size(), n, n * n);
  const auto [values, vectors] = eigh(a, static_cast<int64>(n));
  Wide x(n, 0.0);
  for (size_t j = 0; j < n; ++j) {
    if (!(values[j] > cutoff * values[n - 1])) continue;
    const double* v = &vectors[j * n];
    double part = 0;
    for (size_t i = 0; i < n; ++i) part += v[i] * b[i];
    for (size_t i = 0; i < n; ++i) x[i] += part / values[j] * v[i];
  }
  return x;
}

}  // namespace gradus::linalg
