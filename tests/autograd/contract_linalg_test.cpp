// Samples of Fourier transforms and linear algebra.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/fft.h"
#include "autograd/ops/linalg.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

Samples fft_samples() {
  Samples s;
  std::uint64_t seed = 80;
  for (const Shape& shape : {Shape{2, 8}, Shape{3, 7}, Shape{1}, Shape{2}, Shape{2, 3, 12}, Shape{0, 6},
                             Shape{40, 101}, Shape{2300, 30}}) {
    const int64 n = shape[-1], half = n / 2 + 1;
    std::vector<int64> dims(shape.begin(), shape.end());
    dims.back() = half;
    dims.push_back(2);
    const Shape spectrum(dims);
    const auto angle = [n](int64 k, int64 t) { return 2 * std::numbers::pi * double(k * t % n) / double(n); };
    s.push_back({"rfft",
                 {normal(shape, ++seed)},
                 [](const Tensors& x) { return g::rfft(x[0]); },
                 [=](const Grids& x) {
                   return fill(spectrum, [&](const Index& i) {
                     double total = 0;
                     Index j(i.begin(), i.end() - 1);
                     const int64 k = j.back();
                     for (int64 t = 0; t < n; ++t) {
                       j.back() = t;
                       total += x[0](j) * (i.back() == 0 ? std::cos(angle(k, t)) : -std::sin(angle(k, t)));
                     }
                     return total;
                   });
                 },
                 {}});
    s.push_back({"irfft",
                 {normal(spectrum, ++seed)},
                 [n](const Tensors& x) { return g::irfft(x[0], n); },
                 [=](const Grids& x) {
                   return fill(shape, [&](const Index& i) {
                     double total = 0;
                     for (int64 k = 0; k < half; ++k) {
                       Index j = i;
                       j.back() = k;
                       j.push_back(0);
                       const double re = x[0](j);
                       j.back() = 1;
                       const double m = k == 0 || 2 * k == n ? 1 : 2;
                       total +=
                           m * (re * std::cos(angle(k, i.back())) - x[0](j) * std::sin(angle(k, i.back())));
                     }
                     return total / double(n);
                   });
                 },
                 {}});
  }
  return s;
}

Tensor regular(int64 n, std::uint64_t seed) {  // well conditioned: n on the diagonal
  Tensor a = normal({n, n}, seed);
  for (int64 i = 0; i < n; ++i) a.mutable_data()[i * n + i] += static_cast<real>(2 * n + 4);
  return a;
}
// Gauss elimination with pivoting, in double.
std::vector<double> naive_solve(std::vector<double> a, std::vector<double> b, int64 n, int64 k) {
  const auto row = [](std::vector<double>& m, int64 width, int64 r) { return m.data() + r * width; };
  for (int64 c = 0; c < n; ++c) {
    int64 p = c;
    for (int64 r = c; r < n; ++r)
      if (std::abs(row(a, n, r)[c]) > std::abs(row(a, n, p)[c])) p = r;
    std::swap_ranges(row(a, n, p), row(a, n, p) + n, row(a, n, c));
    std::swap_ranges(row(b, k, p), row(b, k, p) + k, row(b, k, c));
    for (int64 r = 0; r < n; ++r) {
      double *to = row(a, n, r), *from = row(a, n, c);
      const double f = to[c] / from[c];
      if (r == c || f == 0) continue;
      for (int64 j = c; j < n; ++j) to[j] -= f * from[j];
      to = row(b, k, r), from = row(b, k, c);
      for (int64 j = 0; j < k; ++j) to[j] -= f * from[j];
    }
  }
  for (int64 r = 0; r < n; ++r)
    for (int64 j = 0; j < k; ++j) row(b, k, r)[j] /= row(a, n, r)[r];
  return b;
}
Grid symmetric(const Grid& a) {
  return {a.shape, fill(a.shape, [&](const Index& i) { return (a(i) + a({i[1], i[0]})) / 2; })};
}

Samples linalg_samples() {
  Samples s;
  for (const int64 n : {0, 1, 4, 9, 257}) {
    const std::uint64_t seed = std::uint64_t(n) * 10;
    s.push_back({"solve",
                 {regular(n, seed), normal({n, 3}, seed + 1)},
                 [](const Tensors& x) { return g::solve(x[0], x[1]); },
                 [=](const Grids& x) { return naive_solve(x[0].v, x[1].v, n, 3); },
                 {}});
    s.push_back({"solve",
                 {regular(n, seed), normal({n}, seed + 1)},
                 [](const Tensors& x) { return g::solve(x[0], x[1]); },
                 [=](const Grids& x) { return naive_solve(x[0].v, x[1].v, n, 1); },
                 {}});
    const int64 columns = n == 1 ? 1 : 2;
    for (const bool upper : {false, true})
      for (const bool transposed : {false, true})
        s.push_back({"solve_triangular",
                     {regular(n, seed), normal({n, columns}, seed + 1)},
                     [=](const Tensors& x) { return g::solve_triangular(x[0], x[1], upper, transposed); },
                     [=](const Grids& x) {
                       const auto t = fill({n, n}, [&](const Index& i) {
                         const Index j = transposed ? Index{i[1], i[0]} : i;
                         return (upper ? j[0] <= j[1] : j[0] >= j[1]) ? x[0](j) : 0.0;
                       });
                       return naive_solve(t, x[1].v, n, columns);
                     },
                     {}});
    s.push_back(
        {"inverse",
         {regular(n, seed)},
         [](const Tensors& x) { return g::inverse(x[0]); },
         [=](const Grids& x) {
           return naive_solve(x[0].v, fill({n, n}, [](const Index& i) { return i[0] == i[1]; }), n, n);
         },
         {}});
    s.push_back({"cholesky",
                 {regular(n, seed)},
                 [](const Tensors& x) { return g::cholesky(x[0]); },
                 [=](const Grids& x) {
                   const Grid a = symmetric(x[0]);
                   std::vector<double> l(size_t(n * n), 0);
                   for (int64 i = 0; i < n; ++i)
                     for (int64 j = 0; j <= i; ++j) {
                       double v = a({i, j});
                       for (int64 k = 0; k < j; ++k) v -= l[size_t(i * n + k)] * l[size_t(j * n + k)];
                       l[size_t(i * n + j)] = i == j ? std::sqrt(v) : v / l[size_t(j * n + j)];
                     }
                   return l;
                 },
                 {}});
    // Distinct eigenvalues: a spread diagonal and small entries beside it, within blocks where there are many, so that
    // few rotations are needed. By Jacobi rotations.
    Tensor a = normal({n, n}, seed + 5);
    for (int64 i = 0; i < n * n; ++i) {
      const int64 r = i / n, c = i % n;
      const real near = n > 100 && r / 4 != c / 4 ? 0 : a.data()[i] / 4;
      a.mutable_data()[i] = near + static_cast<real>(r == c ? 2 * r : 0);
    }
    s.push_back({"eigh",
                 {a},
                 [](const Tensors& x) {
                   const auto [values, vectors] = g::eigh(x[0]);
                   const Tensor parts[] = {vectors, g::reshape(values, {1, values.numel()})};
                   return g::concat(parts, 0);
                 },
                 [=](const Grids& x) {
                   std::vector<double> m = symmetric(x[0]).v,
                                       v = fill({n, n}, [](const Index&i) { return i[0] == i[1]; });
                   const auto e = [n](std::vector<double>& q, int64 i, int64 j) -> double& {
                     return q[size_t(i * n + j)];
                   };
                   for (int sweep = 0; sweep < 30; ++sweep)
                     for (int64 p = 0; p < n; ++p)
                       for (int64 q = p + 1; q < n; ++q) {
                         if (std::abs(e(m, p, q)) < 1e-18) continue;
                         const double angle = 0.5 * std::atan2(2 * e(m, p, q), e(m, q, q) - e(m, p, p));
                         const double c = std::cos(angle), d = std::sin(angle);
                         for (auto* rotated : {&m, &v})
                           for (int64 i = 0; i < n; ++i) {
                             const double y = e(*rotated, i, p), z = e(*rotated, i, q);
                             e(*rotated, i, p) = c * y - d * z, e(*rotated, i, q) = d * y + c * z;
                           }
                         for (int64 i = 0; i < n; ++i) {
                           const double y = e(m, p, i), z = e(m, q, i);
                           e(m, p, i) = c * y - d * z, e(m, q, i) = d * y + c * z;
                         }
                       }
                   std::vector<int64> order;
                   for (int64 j = 0; j < n; ++j) order.push_back(j);
                   std::sort(order.begin(), order.end(),
                             [&](int64 i, int64 j) { return e(m, i, i) < e(m, j, j); });
                   return fill({n + 1, n}, [&](const Index& i) {
                     const int64 from = order[size_t(i[1])];
                     if (i[0] == n) return e(m, from, from);
                     int64 top = 0;
                     for (int64 r = 1; r < n; ++r)
                       if (std::abs(e(v, r, from)) > std::abs(e(v, top, from))) top = r;
                     return e(v, i[0], from) * (e(v, top, from) < 0 ? -1 : 1);
                   });
                 },
                 {},
                 // An eigenvector moves by (spread of the values / gap) = n roundings, times what LAPACK's constant is:
                 // 1.24e-4 was measured with OpenBLAS's Haswell kernels, 1.10e-4 with its AVX-512 ones.
                 n > 100 ? 10.0 : 1.0});
  }
  return s;
}

// A = Q R resp. A = U s V' put together again: forward values up to what identifies them.
Samples forward_only_samples() {
  Samples s;
  const Naive whole = [](const Grids& x) { return x[0].v; };
  std::uint64_t seed = 0;
  for (const Shape& shape : {Shape{5, 3}, Shape{1, 1}, Shape{3, 0}, Shape{300, 220}}) {
    s.push_back({"svd",
                 {normal(shape, ++seed)},
                 [](const Tensors& x) {
                   const auto [u, d, v] = g::svd(x[0]);
                   return g::matmul(u * d, v, false, true);
                 },
                 whole,
                 {}});
    s.push_back({"qr",
                 {normal(shape, ++seed)},
                 [](const Tensors& x) {
                   const auto [q, r] = g::qr(x[0]);
                   return g::matmul(q, r);
                 },
                 whole,
                 {}});
  }
  return s;
}

}  // namespace

TEST_CASE("contract: Fourier transforms") { check_family("Fourier transform", fft_samples()); }
TEST_CASE("contract: linear algebra") { check_family("linear algebra", linalg_samples()); }
TEST_CASE("contract: linear algebra without derivatives") {
  check_family("linear algebra, forward only", forward_only_samples());
}
