#include "core/kernels/row_norm.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "core/kernels/blocked_sum.h"
#include "core/kernels/partial_sums.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

struct Rows {
  int64 n, d;
  int64 grain() const { return kParallelGrain / std::max<int64>(1, 16 * d); }
};

Rows rows_of(const char* op, const Tensor& x, std::initializer_list<const Tensor*> parameters) {
  if (x.rank() < 1) fail<ShapeError>("{}: a scalar has no last axis", op);
  const int64 d = x.dim(-1);
  for (const Tensor* p : parameters)
    if (p->defined() && !(p->shape() == Shape{d}))
      fail<ShapeError>("{}: parameter {} for x {}", op, p->shape().str(), x.shape().str());
  return {d ? x.numel() / d : 0, d};
}

void check_grad(const char* op, const Tensor& g, const Tensor& x, const Tensor& rstd, const Rows& s) {
  if (!(g.shape() == x.shape()) || rstd.numel() != s.n)
    fail<ShapeError>("{}: gradient {} and statistics {} for x {}", op, g.shape().str(), rstd.shape().str(),
                     x.shape().str());
}

real reciprocal_root(real mean_square, real eps) { return 1 / std::sqrt(mean_square + eps); }

// Where statistics nobody asked for go.
real* statistics(Tensor* wanted, Tensor& spare, int64 rows) {
  Tensor& t = wanted ? *wanted : spare;
  t = Tensor({rows});
  return t.mutable_data();
}

// dx of one row, d long, of both norms, which differ in whether the mean m was taken out; adds to dw and db if kSums.
template <bool kCentred, bool kWeighted, bool kSums>
void grad_row(int64 d, const real* g, const real* x, const real* w, real m, real r, real* dx, real* dw,
              real* db) {
  const auto weighted = [=](int64 i) { return kWeighted ? g[i] * w[i] : g[i]; };
  const auto [sum_g, sum_gx] = blocked_sums(
      d, [=](int64 i) { return kCentred ? weighted(i) : real{0}; },
      [=](int64 i) { return weighted(i) * (x[i] - m); });
  const real count = static_cast<real>(std::max<int64>(1, d));
  const real shift = sum_g / count, slope = r * r / count * sum_gx;
#pragma omp simd
  for (int64 i = 0; i < d; ++i) {
    const real centred = x[i] - m;
    dx[i] = r * ((kWeighted ? g[i] * w[i] : g[i]) - shift - centred * slope);
    if (kSums) dw[i] += g[i] * (centred * r);
    if (kSums && kCentred) db[i] += g[i];
  }
}

template <bool kCentred>
NormGrads grad(const char* op, const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor* mean,
               const Tensor& rstd, bool parameters) {
  const Rows s = rows_of(op, x, {&weight});
  check_grad(op, g, x, rstd, s);
  NormGrads out{Tensor(x.shape()), {}, {}};
  const real *pg = g.data(), *px = x.data(), *w = weight ? weight.data() : nullptr;
  const real *pm = kCentred ? mean->data() : nullptr, *pr = rstd.data();
  real* dx = out.dx.mutable_data();
  const auto rows = [=](auto sums, int64 begin, int64 end, real* dw, real* db) {
    for (int64 n = begin; n < end; ++n) {
      const int64 at = n * s.d;
      const auto row = w ? grad_row<kCentred, true, sums()> : grad_row<kCentred, false, sums()>;
      row(s.d, pg + at, px + at, w, kCentred ? pm[n] : 0, pr[n], dx + at, dw, db);
    }
  };
  if (!parameters) {
    parallel_for(s.n, s.grain(),
                 [&](int64 begin, int64 end) { rows(std::false_type{}, begin, end, nullptr, nullptr); });
    return out;
  }
  Tensor sums({kCentred ? 2 : 1, s.d});
  sum_stretches_in_parts(
      s.n, s.grain(), sums.numel(), sums.mutable_data(),
      [&](int64 begin, int64 end, real* mine) { rows(std::true_type{}, begin, end, mine, mine + s.d); });
  out.dw = sums.rows(0, 1).view({s.d});
  if (kCentred) out.db = sums.rows(1, 2).view({s.d});
  return out;
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, real eps, Tensor* mean,
                  Tensor* rstd) {
  const Rows s = rows_of("layer_norm", x, {&weight, &bias});
  Tensor y(x.shape()), spare_mean, spare_rstd;
  const real *px = x.data(), *w = weight ? weight.data() : nullptr, *b = bias ? bias.data() : nullptr;
  real *py = y.mutable_data(), *pm = statistics(mean, spare_mean, s.n),
       *pr = statistics(rstd, spare_rstd, s.n);
  const real count = static_cast<real>(std::max<int64>(1, s.d));
  parallel_for(s.n, s.grain(), [&](int64 begin, int64 end) {
    for (int64 n = begin; n < end; ++n) {
      const real* xn = px + n * s.d;
      real* yn = py + n * s.d;
      const real m = blocked_sum(s.d, [=](int64 i) { return xn[i]; }) / count;
      const real r =
          reciprocal_root(blocked_sum(s.d, [=](int64 i) { return (xn[i] - m) * (xn[i] - m); }) / count, eps);
      if (w && b) {
        for (int64 i = 0; i < s.d; ++i) yn[i] = (xn[i] - m) * r * w[i] + b[i];
      } else {
        for (int64 i = 0; i < s.d; ++i) yn[i] = (xn[i] - m) * r * (w ? w[i] : 1) + (b ? b[i] : 0);
      }
      pm[n] = m;
      pr[n] = r;
    }
  });
  return y;
}

NormGrads layer_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& mean,
                          const Tensor& rstd, bool parameters) {
  return grad<true>("layer_norm_grad", g, x, weight, &mean, rstd, parameters);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, real eps, Tensor* rstd) {
  const Rows s = rows_of("rms_norm", x, {&weight});
  Tensor y(x.shape()), spare;
  const real *px = x.data(), *w = weight ? weight.data() : nullptr;
  real *py = y.mutable_data(), *pr = statistics(rstd, spare, s.n);
  const real count = static_cast<real>(std::max<int64>(1, s.d));
  parallel_for(s.n, s.grain(), [&](int64 begin, int64 end) {
    for (int64 n = begin; n < end; ++n) {
      const real* xn = px + n * s.d;
      real* yn = py + n * s.d;
      const real r = reciprocal_root(blocked_sum(s.d, [=](int64 i) { return xn[i] * xn[i]; }) / count, eps);
      if (w) {
        for (int64 i = 0; i < s.d; ++i) yn[i] = xn[i] * r * w[i];
      } else {
        for (int64 i = 0; i < s.d; ++i) yn[i] = xn[i] * r;
      }
      pr[n] = r;
    }
  });
  return y;
}

NormGrads rms_norm_grad(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& rstd,
                        bool parameters) {
  return grad<false>("rms_norm_grad", g, x, weight, nullptr, rstd, parameters);
}

}  // namespace gradus::kernels
