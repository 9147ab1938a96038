// Samples of matrix products, convolution, pooling, Fourier transforms and linear algebra.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/fft.h"
#include "autograd/ops/linalg.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape_ops.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

// op(a) op(b) with broadcasting leading axes.
std::vector<double> naive_matmul(const Grid& a, const Grid& b, bool ta, bool tb, const Shape& out) {
  const int64 inner = a.shape[ta ? -2 : -1];
  return fill(out, [&](const Index& i) {
    double total = 0;
    for (int64 k = 0; k < inner; ++k) {
      Index p = i, q = i;
      const size_t r = i.size() - 2, c = i.size() - 1;
      p[r] = ta ? k : i[r], p[c] = ta ? i[r] : k;
      q[r] = tb ? i[c] : k, q[c] = tb ? k : i[c];
      total += a.spread(p) * b.spread(q);
    }
    return total;
  });
}

// Random multiples of 1/steps, moved by `offset` steps.
Tensor grid(const Shape& shape, std::uint64_t seed, double steps, double offset) {
  Tensor t = normal(shape, seed);
  for (int64 i = 0; i < t.numel(); ++i)
    t.mutable_data()[i] = static_cast<real>((std::round(double(t.data()[i]) * steps) + offset) / steps);
  return t;
}

Samples matmul_samples() {
  Samples s;
  struct Case {
    Shape a, b;
    bool ta, tb;
    Shape out;
  };
  const Case cases[] = {{{3, 4}, {4, 5}, false, false, {3, 5}},
                        {{4, 3}, {4, 5}, true, false, {3, 5}},
                        {{3, 4}, {5, 4}, false, true, {3, 5}},
                        {{4, 3}, {5, 4}, true, true, {3, 5}},
                        {{2, 3, 4}, {4, 5}, false, false, {2, 3, 5}},
                        {{2, 3, 4}, {5, 4}, false, true, {2, 3, 5}},
                        {{2, 4, 3}, {4, 5}, true, false, {2, 3, 5}},
                        {{3, 4}, {2, 4, 5}, false, false, {2, 3, 5}},
                        {{2, 3, 4}, {2, 5, 4}, false, true, {2, 3, 5}},
                        {{2, 4, 3}, {2, 4, 5}, true, false, {2, 3, 5}},
                        {{2, 4, 3}, {2, 5, 4}, true, true, {2, 3, 5}},
                        {{2, 1, 3, 4}, {3, 4, 2}, false, false, {2, 3, 3, 2}},
                        {{1, 1}, {1, 1}, false, false, {1, 1}},
                        {{0, 4}, {4, 5}, false, false, {0, 5}},
                        {{3, 0}, {0, 5}, false, false, {3, 5}},
                        {{260, 20}, {20, 270}, false, false, {260, 270}},
                        {{700, 10, 12}, {700, 12, 10}, false, false, {700, 10, 10}}};
  std::uint64_t seed = 0;
  for (const Case& c : cases)
    s.push_back({"matmul",
                 {normal(c.a, ++seed), normal(c.b, ++seed)},
                 [=](const Tensors& x) { return g::matmul(x[0], x[1], c.ta, c.tb); },
                 [=](const Grids& x) { return naive_matmul(x[0], x[1], c.ta, c.tb, c.out); },
                 {}});
  for (const bool relu : {false, true})
    for (const Shape& rows : {Shape{4, 3}, Shape{2, 5, 3}, Shape{3}, Shape{0, 3}, Shape{700, 100}}) {
      const int64 in = rows[-1], out = 100;
      const auto naive = [=](const Grids& x) {
        std::vector<int64> dims(x[0].shape.begin(), x[0].shape.end());
        dims.back() = out;
        return fill(Shape(dims), [&](const Index& i) {
          double total = x.size() == 3 ? x[2]({i.back()}) : 0;
          for (int64 k = 0; k < in; ++k) {
            Index p = i;
            p.back() = k;
            total += x[0](p) * x[1]({i.back(), k});
          }
          return relu ? std::max(total, 0.0) : total;
        });
      };
      // Products are multiples of 1/16 and biases lie halfway between: no output is near the kink of relu.
      const Tensors x{grid(rows, ++seed, 4, 0), grid({out, in}, ++seed, 4, 0), grid({out}, ++seed, 16, 0.5)};
      if (relu) {
        s.push_back(
            {"linear_relu", x, [](const Tensors& v) { return g::linear_relu(v[0], v[1], v[2]); }, naive, {}});
      } else {
        s.push_back({"linear", x, [](const Tensors& v) { return g::linear(v[0], v[1], v[2]); }, naive, {}});
        s.push_back(
            {"linear", {x[0], x[1]}, [](const Tensors& v) { return g::linear(v[0], v[1]); }, naive, {}});
      }
    }
  return s;
}

// Adds up(x position, w position, y position) for every product in a convolution.
void for_products(const Shape& x, const Shape& w, const Shape& y, const g::ConvSpec& p,
                  const std::function<void(const Index&, const Index&, const Index&)>& up) {
  const int64 out_per_group = w[0] / p.groups;
  each(y, [&](const Index& o) {
    each({w[1], w[2], w[3]}, [&](const Index& k) {
      const int64 h = o[2] * p.stride_h - p.pad_h + k[1] * p.dilation_h;
      const int64 v = o[3] * p.stride_w - p.pad_w + k[2] * p.dilation_w;
      if (h < 0 || h >= x[2] || v < 0 || v >= x[3]) return;
      up({o[0], o[1] / out_per_group * w[1] + k[0], h, v}, {o[1], k[0], k[1], k[2]}, o);
    });
  });
}
struct Sums {  // a grid that is added to
  Grid grid;
  explicit Sums(const Shape& s) : grid{s, std::vector<double>(size_t(s.numel()), 0)} {}
  double& operator()(const Index& i) {
    int64 at = 0;
    for (size_t k = 0; k < i.size(); ++k) at = at * grid.shape[static_cast<int>(k)] + i[k];
    return grid.v[size_t(at)];
  }
};

Samples conv_samples() {
  Samples s;
  struct Case {
    Shape x, w;
    g::ConvSpec spec;
  };
  const Case cases[] = {{{2, 3, 5, 6}, {4, 3, 3, 3}, {}},
                        {{2, 3, 5, 6}, {4, 3, 3, 2}, {2, 1, 1, 0, 1, 1, 1}},
                        {{1, 2, 7, 7}, {3, 2, 3, 3}, {1, 2, 2, 1, 2, 1, 1}},
                        {{2, 4, 5, 5}, {6, 2, 3, 3}, {1, 1, 1, 1, 1, 1, 2}},
                        {{2, 4, 5, 5}, {4, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 4}},
                        {{2, 3, 4, 4}, {5, 3, 1, 1}, {}},
                        {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
                        {{4, 8, 16, 16}, {8, 8, 3, 3}, {1, 1, 1, 1, 1, 1, 1}}};
  std::uint64_t seed = 20;
  for (const Case& c : cases) {
    const Shape ys = g::conv2d_shape(c.x, c.w, c.spec);
    const g::ConvSpec p = c.spec;
    const Tensor x = normal(c.x, ++seed), w = normal(c.w, ++seed), b = normal({c.w[0]}, ++seed),
                 gy = normal(ys, ++seed);
    const auto forward = [=](const Grids& in) {
      Sums y(ys);
      for_products(c.x, c.w, ys, p,
                   [&](const Index& i, const Index& j, const Index& o) { y(o) += in[0](i) * in[1](j); });
      if (in.size() == 3) each(ys, [&](const Index& o) { y(o) += in[2]({o[1]}); });
      return y.grid.v;
    };
    s.push_back(
        {"conv2d", {x, w}, [=](const Tensors& v) { return g::conv2d(v[0], v[1], {}, p); }, forward, {}});
    s.push_back(
        {"conv2d", {x, w, b}, [=](const Tensors& v) { return g::conv2d(v[0], v[1], v[2], p); }, forward, {}});
    s.push_back({"conv2d_input_grad",
                 {gy, w},
                 [=](const Tensors& v) { return g::conv2d_input_grad(v[0], v[1], c.x, p); },
                 [=](const Grids& in) {
                   Sums dx(c.x);
                   for_products(c.x, c.w, ys, p, [&](const Index& i, const Index& j, const Index& o) {
                     dx(i) += in[0](o) * in[1](j);
                   });
                   return dx.grid.v;
                 },
                 {}});
    s.push_back({"conv2d_weight_grad",
                 {gy, x},
                 [=](const Tensors& v) { return g::conv2d_weight_grad(v[0], v[1], c.w, p); },
                 [=](const Grids& in) {
                   Sums dw(c.w);
                   for_products(c.x, c.w, ys, p, [&](const Index& i, const Index& j, const Index& o) {
                     dw(j) += in[0](o) * in[1](i);
                   });
                   return dw.grid.v;
                 },
                 {}});
  }
  return s;
}

Samples pool_samples() {
  Samples s;
  struct Case {
    Shape x;
    g::PoolSpec spec;
  };
  const Case cases[] = {{{2, 3, 6, 4}, {}},
                        {{2, 2, 7, 7}, {3, 3, 2, 2, 1, 1}},
                        {{1, 2, 5, 6}, {2, 3, 1, 2, 0, 1}},
                        {{1, 1, 1, 1}, {1, 1, 1, 1, 0, 0}},
                        {{8, 16, 24, 24}, {}}};
  std::uint64_t seed = 60;
  for (const Case& c : cases) {
    const g::PoolSpec p = c.spec;
    const Shape ys = g::pool2d_shape(c.x, p, "test");
    const auto windows = [=](const Index& o, const std::function<void(const Index&)>& f) {
      each({p.kernel_h, p.kernel_w}, [&](const Index& k) {
        const int64 h = o[2] * p.stride_h - p.pad_h + k[0], w = o[3] * p.stride_w - p.pad_w + k[1];
        if (h >= 0 && h < c.x[2] && w >= 0 && w < c.x[3]) f({o[0], o[1], h, w});
      });
    };
    const Tensor x = distinct(c.x, ++seed);
    const auto winner = [=](const Grid& v, const Index& o) {
      Index best;
      windows(o, [&](const Index& i) {
        if (best.empty() || v(i) > v(best)) best = i;
      });
      return best;
    };
    s.push_back(
        {"max_pool2d",
         {x},
         [=](const Tensors& v) { return g::max_pool2d(v[0], p); },
         [=](const Grids& v) { return fill(ys, [&](const Index& o) { return v[0](winner(v[0], o)); }); },
         {}});
    const Grid fixed{x.shape(), {x.data(), x.data() + x.numel()}};
    s.push_back(
        {"take_winners",
         {normal(c.x, ++seed)},
         [=](const Tensors& v) { return g::max_pool2d_tangent(v[0], x, p); },
         [=](const Grids& v) { return fill(ys, [&](const Index& o) { return v[0](winner(fixed, o)); }); },
         {}});
    s.push_back({"max_unpool",
                 {normal(ys, ++seed)},
                 [=](const Tensors& v) { return g::max_pool2d_adjoint(v[0], x, p); },
                 [=](const Grids& v) {
                   Sums y(c.x);
                   each(ys, [&](const Index& o) { y(winner(fixed, o)) += v[0](o); });
                   return y.grid.v;
                 },
                 {}});
    const double share = 1.0 / double(p.kernel_h * p.kernel_w);
    s.push_back({"avg_pool2d",
                 {normal(c.x, ++seed)},
                 [=](const Tensors& v) { return g::avg_pool2d(v[0], p); },
                 [=](const Grids& v) {
                   return fill(ys, [&](const Index& o) {
                     double total = 0;
                     windows(o, [&](const Index& i) { total += v[0](i); });
                     return total * share;
                   });
                 },
                 {}});
    s.push_back(
        {"avg_pool2d_grad",
         {normal(ys, ++seed)},
         [=](const Tensors& v) { return g::avg_pool2d_adjoint(v[0], c.x, p); },
         [=](const Grids& v) {
           Sums y(c.x);
           each(ys, [&](const Index& o) { windows(o, [&](const Index& i) { y(i) += v[0](o) * share; }); });
           return y.grid.v;
         },
         {}});
  }
  return s;
}

Samples fft_samples() {
  Samples s;
  std::uint64_t seed = 80;
  for (const Shape& shape :
       {Shape{2, 8}, Shape{3, 7}, Shape{1}, Shape{2}, Shape{2, 3, 12}, Shape{0, 6}, Shape{40, 101}}) {
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
  const auto at = [](int64 i) { return size_t(i); };
  for (int64 c = 0; c < n; ++c) {
    int64 p = c;
    for (int64 r = c; r < n; ++r)
      if (std::abs(a[at(r * n + c)]) > std::abs(a[at(p * n + c)])) p = r;
    for (int64 j = 0; j < n; ++j) std::swap(a[at(p * n + j)], a[at(c * n + j)]);
    for (int64 j = 0; j < k; ++j) std::swap(b[at(p * k + j)], b[at(c * k + j)]);
    for (int64 r = 0; r < n; ++r) {
      if (r == c) continue;
      const double f = a[at(r * n + c)] / a[at(c * n + c)];
      for (int64 j = 0; j < n; ++j) a[at(r * n + j)] -= f * a[at(c * n + j)];
      for (int64 j = 0; j < k; ++j) b[at(r * k + j)] -= f * b[at(c * k + j)];
    }
  }
  for (int64 r = 0; r < n; ++r)
    for (int64 j = 0; j < k; ++j) b[at(r * k + j)] /= a[at(r * n + r)];
  return b;
}
Grid symmetric(const Grid& a) {
  return {a.shape, fill(a.shape, [&](const Index& i) { return (a(i) + a({i[1], i[0]})) / 2; })};
}

Samples linalg_samples() {
  Samples s;
  for (const int64 n : {int64{1}, int64{4}, int64{9}}) {
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
    for (const bool upper : {false, true})
      for (const bool transposed : {false, true})
        s.push_back({"solve_triangular",
                     {regular(n, seed), normal({n, 2}, seed + 1)},
                     [=](const Tensors& x) { return g::solve_triangular(x[0], x[1], upper, transposed); },
                     [=](const Grids& x) {
                       const auto t = fill({n, n}, [&](const Index& i) {
                         const Index j = transposed ? Index{i[1], i[0]} : i;
                         return (upper ? j[0] <= j[1] : j[0] >= j[1]) ? x[0](j) : 0.0;
                       });
                       return naive_solve(t, x[1].v, n, 2);
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
    // Distinct eigenvalues: a spread diagonal and small entries beside it. By Jacobi rotations.
    Tensor a = normal({n, n}, seed + 5);
    for (int64 i = 0; i < n * n; ++i)
      a.mutable_data()[i] = a.data()[i] / 4 + static_cast<real>(i % (n + 1) == 0 ? 2 * (i / n) : 0);
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
                 {}});
  }
  return s;
}

// A = Q R resp. A = U s V' put together again: forward values up to what identifies them.
Samples forward_only_samples() {
  Samples s;
  s.push_back({"svd",
               {normal({5, 3}, 1)},
               [](const Tensors& x) {
                 const auto [u, d, v] = g::svd(x[0]);
                 return g::matmul(u * d, v, false, true);
               },
               [](const Grids& x) { return x[0].v; },
               {}});
  s.push_back({"qr",
               {normal({5, 3}, 2)},
               [](const Tensors& x) {
                 const auto [q, r] = g::qr(x[0]);
                 return g::matmul(q, r);
               },
               [](const Grids& x) { return x[0].v; },
               {}});
  return s;
}

}  // namespace

TEST_CASE("contract: matrix products") { check_family("matrix product", matmul_samples()); }
TEST_CASE("contract: convolution") { check_family("convolution", conv_samples()); }
TEST_CASE("contract: pooling") { check_family("pooling", pool_samples()); }
TEST_CASE("contract: Fourier transforms") { check_family("Fourier transform", fft_samples()); }
TEST_CASE("contract: linear algebra") { check_family("linear algebra", linalg_samples()); }
TEST_CASE("contract: linear algebra without derivatives") {
  check_family("linear algebra, forward only", forward_only_samples());
}
