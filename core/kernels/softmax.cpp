#include "core/kernels/softmax.h"

#include <algorithm>

#include "core/error.h"
#include "core/kernels/blocked_sum.h"
#include "core/kernels/vmath.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

struct Rows {
  int64 n, c;
  int64 grain() const { return kParallelGrain / std::max<int64>(1, 16 * c); }
};

Rows rows_of(const char* op, const Tensor& x) {
  if (x.rank() < 1 || x.dim(-1) < 1)
    fail<ShapeError>("{}: no classes on the last axis of {}", op, x.shape().str());
  return {x.numel() / x.dim(-1), x.dim(-1)};
}

void check_same(const char* op, const Tensor& g, const Tensor& y) {
  if (!(g.shape() == y.shape()))
    fail<ShapeError>("{}: gradient {} for output {}", op, g.shape().str(), y.shape().str());
}

inline real row_max(const real* x, int64 c) {
  real most = x[0];
#pragma omp simd reduction(max : most)
  for (int64 i = 0; i < c; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// Sum of exp(x - shift); NaN anywhere makes it NaN.
inline real exp_sum(const real* x, int64 c, real shift) {
  return blocked_sum(c, [=](int64 i) { return vmath::exp(x[i] - shift); });
}

// A cotangent times a slope: 0 stays 0, be the slope NaN (of a row that is -inf throughout).
inline real times(real g, real slope) { return g == 0 ? g : g * slope; }

template <class Row>
void each_row(const Rows& s, const Row& row) {
  parallel_for(s.n, s.grain(), [&](int64 begin, int64 end) {
    for (int64 n = begin; n < end; ++n) row(n);
  });
}

}  // namespace

Tensor softmax(const Tensor& x) {
  const Rows s = rows_of("softmax", x);
  Tensor y(x.shape());
  const real* px = x.data();
  real* py = y.mutable_data();
  each_row(s, [=](int64 n) {
    const real* xn = px + n * s.c;
    real* yn = py + n * s.c;
    const real most = row_max(xn, s.c);
    for (int64 i = 0; i < s.c; ++i) yn[i] = vmath::exp(xn[i] - most);
    const real scale = 1 / blocked_sum(s.c, [=](int64 i) { return yn[i]; });
    for (int64 i = 0; i < s.c; ++i) yn[i] *= scale;
  });
  return y;
}

Tensor softmax_grad(const Tensor& g, const Tensor& p) {
  const Rows s = rows_of("softmax_grad", p);
  check_same("softmax_grad", g, p);
  Tensor dx(p.shape());
  const real *pg = g.data(), *pp = p.data();
  real* out = dx.mutable_data();
  each_row(s, [=](int64 n) {
    const real *gn = pg + n * s.c, *pn = pp + n * s.c;
    const real dot = blocked_sum(s.c, [=](int64 i) { return times(gn[i], pn[i]); });
    for (int64 i = 0; i < s.c; ++i) out[n * s.c + i] = times(gn[i] - dot, pn[i]);
  });
  return dx;
}

Tensor log_softmax(const Tensor& x) {
  const Rows s = rows_of("log_softmax", x);
  Tensor y(x.shape());
  const real* px = x.data();
  real* py = y.mutable_data();
  each_row(s, [=](int64 n) {
    const real* xn = px + n * s.c;
    const real most = row_max(xn, s.c), log_sum = vmath::log(exp_sum(xn, s.c, most));
    for (int64 i = 0; i < s.c; ++i) py[n * s.c + i] = (xn[i] - most) - log_sum;
  });
  return y;
}

Tensor log_softmax_grad(const Tensor& g, const Tensor& y) {
  const Rows s = rows_of("log_softmax_grad", y);
  check_same("log_softmax_grad", g, y);
  Tensor dx(y.shape());
  const real *pg = g.data(), *py = y.data();
  real* out = dx.mutable_data();
  each_row(s, [=](int64 n) {
    const real *gn = pg + n * s.c, *yn = py + n * s.c;
    const real total = blocked_sum(s.c, [=](int64 i) { return gn[i]; });
    for (int64 i = 0; i < s.c; ++i) out[n * s.c + i] = gn[i] - times(total, vmath::exp(yn[i]));
  });
  return dx;
}

Tensor cross_entropy_rows(const Tensor& logits, const IntTensor& labels, real smoothing, Tensor* lse) {
  const Rows s = rows_of("cross_entropy", logits);
  if (labels.numel() != s.n)
    fail<ShapeError>("cross_entropy: logits {} with labels {}", logits.shape().str(), labels.shape().str());
  Tensor losses({s.n}), spare;
  Tensor& sums = lse ? *lse : spare;
  sums = Tensor({s.n});
  const real* px = logits.data();
  const int64* label = labels.data();
  real *out = losses.mutable_data(), *log_sums = sums.mutable_data();
  each_row(s, [=](int64 n) {
    const real* xn = px + n * s.c;
    const real most = row_max(xn, s.c), log_sum = vmath::log(exp_sum(xn, s.c, most));
    log_sums[n] = most + log_sum;
    // Differences to the maximum first: they keep the digits that a large maximum would take away.
    real target = (1 - smoothing) * (xn[label[n]] - most);
    if (smoothing != 0)
      target += smoothing / static_cast<real>(s.c) * blocked_sum(s.c, [=](int64 i) { return xn[i] - most; });
    out[n] = log_sum - target;
  });
  return losses;
}

Tensor cross_entropy_rows_grad(const Tensor& g, const Tensor& logits, const IntTensor& labels, real smoothing,
                               const Tensor& lse) {
  const Rows s = rows_of("cross_entropy_grad", logits);
  if (labels.numel() != s.n || g.numel() != s.n || lse.numel() != s.n)
    fail<ShapeError>("cross_entropy_grad: gradient {} and labels {} for logits {}", g.shape().str(),
                     labels.shape().str(), logits.shape().str());
  Tensor dx(logits.shape());
  const real *pg = g.data(), *px = logits.data(), *log_sums = lse.data();
  const int64* label = labels.data();
  real* out = dx.mutable_data();
  const real share = smoothing / static_cast<real>(s.c);
  each_row(s, [=](int64 n) {
    const real *xn = px + n * s.c, gn = pg[n], sum = log_sums[n];
    real* dn = out + n * s.c;
    if (gn == 0) {
      std::fill_n(dn, s.c, real{0});
      return;
    }
    for (int64 i = 0; i < s.c; ++i) dn[i] = gn * (vmath::exp(xn[i] - sum) - share);
    dn[label[n]] -= gn * (1 - smoothing);
  });
  return dx;
}

}  // namespace gradus::kernels
