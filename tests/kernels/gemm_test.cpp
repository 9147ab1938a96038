// Own matrix products and the fused fully connected layer against plain double loops.
#include "core/kernels/gemm.h"

#include "core/error.h"
#include "core/kernels/gemm_symmetric.h"
#include "core/kernels/linear.h"
#include "core/linalg.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

// op(A) op(B) * alpha + beta * C.
Doubles product(const Tensor& a, const Tensor& b, bool ta, bool tb, int64 m, int64 n, int64 k, double alpha,
                const Doubles& start) {
  Doubles c = start;
  for (int64 i = 0; i < m; ++i)
    for (int64 j = 0; j < n; ++j) {
      double sum = 0;
      for (int64 l = 0; l < k; ++l)
        sum += double(a.data()[ta ? l * m + i : i * k + l]) * b.data()[tb ? j * k + l : l * n + j];
      c[size_t(i * n + j)] += alpha * sum;
    }
  return c;
}

Tensor own(const Tensor& a, const Tensor& b, bool ta, bool tb, int64 m, int64 n, int64 k, real alpha,
           Tensor c, bool add, const Tensor& start = {}) {
  std::vector<int> finished(size_t(m * n));  // blocks are disjoint, so no two threads meet here
  kernels::gemm_blocked(kernels::matrix_view(a.data(), ta ? m : k, ta),
                        kernels::matrix_view(b.data(), tb ? k : n, tb), m, n, k, alpha, c.mutable_data(), n,
                        add, start ? start.data() : nullptr,
                        [&](int64 row, int64 rows, int64 column, int64 columns) {
                          for (int64 r = row; r < row + rows; ++r)
                            for (int64 q = column; q < column + columns; ++q) ++finished[size_t(r * n + q)];
                        });
  CHECK(std::all_of(finished.begin(), finished.end(), [](int f) { return f == 1; }));
  return c;
}

const double kProduct = naive::tolerance(3e-6, 1e-13);

}  // namespace

TEST_CASE("gemm: own products equal plain loops, whatever the shape, and do not depend on threads") {
  struct Case {
    int64 m, n, k;
  };
  // One element, less than a tile, tiles with rests, several pieces of depth, several blocks, copies of rows and columns
  // that lie far apart.
  const Case cases[] = {{1, 1, 1},     {5, 3, 2},       {12, 32, 16},   {13, 33, 17},
                        {64, 64, 32},  {25, 100, 65},   {31, 16, 400},  {260, 40, 300},
                        {40, 700, 20}, {30, 130, 1100}, {600, 100, 40}, {25, 120, 777}};
  Rng rng(1);
  const int before = threads();
  for (const Case& s : cases)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true}) {
        CAPTURE(s.m);
        CAPTURE(s.n);
        CAPTURE(s.k);
        CAPTURE(ta);
        CAPTURE(tb);
        const Tensor a = rng.normal_tensor(ta ? Shape{s.k, s.m} : Shape{s.m, s.k});
        const Tensor b = rng.normal_tensor(tb ? Shape{s.n, s.k} : Shape{s.k, s.n});
        const Tensor c = rng.normal_tensor({s.m, s.n});
        const Doubles zero(size_t(s.m * s.n));
        naive::poison_scratch();
        const Tensor fresh = own(a, b, ta, tb, s.m, s.n, s.k, 1, Tensor::full({s.m, s.n}, NAN), false);
        CHECK(naive::error(fresh, product(a, b, ta, tb, s.m, s.n, s.k, 1, zero)) < kProduct);
        CHECK(naive::error(own(a, b, ta, tb, s.m, s.n, s.k, real(-0.5), c.clone(), true),
                           product(a, b, ta, tb, s.m, s.n, s.k, -0.5, naive::doubles(c))) < kProduct);
        const Tensor row = rng.normal_tensor({s.n});
        Doubles rows = zero;
        for (size_t i = 0; i < rows.size(); ++i) rows[i] = row.data()[int64(i) % s.n];
        CHECK(naive::error(own(a, b, ta, tb, s.m, s.n, s.k, 1, Tensor::full({s.m, s.n}, NAN), false, row),
                           product(a, b, ta, tb, s.m, s.n, s.k, 1, rows)) < kProduct);
        set_threads(before == 1 ? 2 : 1);
        CHECK(own(a, b, ta, tb, s.m, s.n, s.k, 1, Tensor({s.m, s.n}), false).values() == fresh.values());
        set_threads(before);
      }
}

TEST_CASE("linear: values, slope and gradients of every path equal plain loops") {
  using kernels::Epilogue;
  struct Case {
    Shape x;
    int64 out;
  };
  // Few rows by BLAS; blocks; rows enough for the gradients in one pass, with rests; wide weights.
  const Case cases[] = {{{3, 5}, 2}, {{2, 25, 20}, 33}, {{500, 24}, 40}, {{390, 10}, 300}, {{400, 400}, 350}};
  Rng rng(2);
  for (const Case& s : cases)
    for (const Epilogue e : {Epilogue::kNone, Epilogue::kRelu, Epilogue::kGelu}) {
      CAPTURE(s.x.str());
      CAPTURE(int(e));
      const int64 in = s.x[-1], out = s.out, rows = s.x.numel() / in;
      const Tensor x = rng.normal_tensor(s.x), w = rng.normal_tensor({out, in}, 0, 1 / std::sqrt(double(in)));
      const Tensor bias = rng.normal_tensor({out});
      Tensor slope;
      const Tensor y = kernels::linear(x, w, bias, e, e == Epilogue::kGelu ? &slope : nullptr);
      const Tensor g = rng.normal_tensor(y.shape());
      Doubles value, steep, dx(size_t(x.numel())), dw(size_t(w.numel())), db(static_cast<size_t>(out));
      for (int64 r = 0; r < rows; ++r)
        for (int64 o = 0; o < out; ++o) {
          double h = bias.data()[o];
          for (int64 i = 0; i < in; ++i) h += double(x.data()[r * in + i]) * w.data()[o * in + i];
          const double phi = std::exp(-0.5 * h * h) / std::sqrt(2 * M_PI),
                       cdf = 0.5 * std::erfc(-h / std::sqrt(2));
          // The sign of a number near 0 is the kernel's to decide.
          const double slope_here = e == Epilogue::kNone   ? 1
                                    : e == Epilogue::kRelu ? double(y.data()[r * out + o] > 0)
                                                           : cdf + h * phi;
          value.push_back(e == Epilogue::kNone ? h : e == Epilogue::kRelu ? std::max(h, 0.0) : h * cdf);
          steep.push_back(slope_here);
          const double gh = g.data()[r * out + o] * slope_here;
          db[size_t(o)] += gh;
          for (int64 i = 0; i < in; ++i) {
            dx[size_t(r * in + i)] += gh * w.data()[o * in + i];
            dw[size_t(o * in + i)] += gh * x.data()[r * in + i];
          }
        }
      CHECK(naive::error(y, value) < kProduct);
      if (slope) CHECK(naive::error(slope, steep) < kProduct);
      const auto d = kernels::linear_grad(g, x, w, e, e == Epilogue::kGelu ? slope : y, {});
      CHECK(naive::error(d.dx, dx) < kProduct);
      CHECK(naive::error(d.dw, dw) < kProduct);
      CHECK(naive::error(d.db, db) < kProduct);
      const auto one =
          kernels::linear_grad(g, x, w, e, e == Epilogue::kGelu ? slope : y, {.x = false, .bias = false});
      CHECK_FALSE(one.dx.defined());
      CHECK_FALSE(one.db.defined());
      CHECK(naive::error(one.dw, dw) < kProduct);
      // Value and derivative at once, along what is given.
      const Tensor none, dx_along = rng.normal_tensor(s.x), db_along = rng.normal_tensor({out}),
                         dw_along = rng.normal_tensor({out, in}, 0, 1 / std::sqrt(double(in)));
      Doubles by_x(steep.size()), by_w(steep.size());
      for (int64 r = 0; r < rows; ++r)
        for (int64 o = 0; o < out; ++o) {
          const real *xr = x.data() + r * in, *dxr = dx_along.data() + r * in;
          const real *wo = w.data() + o * in, *dwo = dw_along.data() + o * in;
          double along_x = 0, along_w = 0;
          for (int64 i = 0; i < in; ++i) along_x += double(dxr[i]) * wo[i], along_w += double(xr[i]) * dwo[i];
          by_x[size_t(r * out + o)] = along_x, by_w[size_t(r * out + o)] = along_w;
        }
      for (int given = 1; given < 8; ++given) {
        if (!(given & 3)) continue;  // x or w moves
        CAPTURE(given);
        Doubles along;
        for (size_t i = 0; i < steep.size(); ++i)
          along.push_back(steep[i] * ((given & 1 ? by_x[i] : 0) + (given & 2 ? by_w[i] : 0) +
                                      (given & 4 ? double(db_along.data()[int64(i) % out]) : 0)));
        const auto dual = kernels::linear_dual(x, w, bias, given & 1 ? dx_along : none,
                                               given & 2 ? dw_along : none, given & 4 ? db_along : none, e);
        CHECK(naive::error(dual.y, value) < kProduct);
        CHECK(naive::error(dual.dy, along) < kProduct);
      }
    }
  CHECK_THROWS_AS(kernels::linear(Tensor::ones({2, 3}), Tensor::ones({4, 2}), {}), ShapeError);
  CHECK_THROWS_AS(kernels::linear_dual(Tensor::ones({2, 3}), Tensor::ones({4, 3}), {}, Tensor::ones({3, 3}),
                                       {}, {}, Epilogue::kNone),
                  ShapeError);
  CHECK_THROWS_AS(kernels::linear_grad(Tensor::ones({2, 3}), Tensor::ones({2, 4}), Tensor::ones({4, 3}),
                                       Epilogue::kNone, {}, {}),
                  ShapeError);
}

TEST_CASE(
    "gemm: symmetric products equal plain loops, are symmetric to the last bit and do not depend on "
    "threads") {
  struct Case {
    int64 m, k;
  };
  Rng rng(7);
  const int before = threads();
  for (const Case& s :
       {Case{1, 1}, {12, 5}, {31, 40}, {64, 64}, {65, 17}, {100, 130}, {128, 384}, {200, 450}})
    for (const bool across : {false, true}) {
      CAPTURE(s.m);
      CAPTURE(s.k);
      CAPTURE(across);
      const Tensor x = rng.normal_tensor(across ? Shape{s.k, s.m} : Shape{s.m, s.k});
      const Tensor start = linalg::matmul(rng.normal_tensor({s.m, 3}), Tensor::ones({3, s.m}));
      Tensor symmetric = start.clone();  // the sum with its transpose
      for (int64 i = 0; i < s.m; ++i)
        for (int64 j = 0; j < s.m; ++j)
          symmetric.mutable_data()[i * s.m + j] = start.data()[i * s.m + j] + start.data()[j * s.m + i];
      const auto of = [&](bool add) {
        Tensor c = add ? symmetric.clone() : Tensor::full({s.m, s.m}, NAN);
        const auto a = kernels::matrix_view(x.data(), across ? s.m : s.k, across);
        const auto b = kernels::matrix_view(x.data(), across ? s.m : s.k, !across);
        kernels::gemm_symmetric(a, b, s.m, s.k, real(0.5), c.mutable_data(), s.m, add);
        return c;
      };
      naive::poison_scratch();
      const Doubles zero(size_t(s.m * s.m));
      CHECK(naive::error(of(false), product(x, x, across, !across, s.m, s.m, s.k, 0.5, zero)) < kProduct);
      const Tensor added = of(true);
      CHECK(naive::error(added, product(x, x, across, !across, s.m, s.m, s.k, 0.5,
                                        naive::doubles(symmetric))) < kProduct);
      CHECK(linalg::transpose(added).values() == added.values());
      for (const int n : {1, 3}) {
        set_threads(n);
        CHECK(of(true).values() == added.values());
      }
      set_threads(before);
    }
}

TEST_CASE("linalg: a symmetric product into a matrix, and shapes that do not fit") {
  Rng rng(8);
  for (const int64 m : {3, 96}) {
    const Tensor g = rng.normal_tensor({m, 40});
    Tensor fast = linalg::identity(m), plain = linalg::identity(m);
    linalg::symmetric_product_into(fast, 0.9, 0.1, g, g, false, true);
    linalg::matmul_into(plain, 0.9, 0.1, g, g, false, true);
    CHECK(naive::error(fast, naive::doubles(plain)) < kProduct);
    CHECK_THROWS_AS(linalg::symmetric_product_into(fast, 0, 1, g, g, true, false), ShapeError);
  }
}
