// Elementwise kernels: a function of numbers, written as a lambda, runs over whole tensors in one vectorised,
// threaded pass that allocates nothing but its output.
#pragma once

#include "core/kernels/broadcast.h"
#include "core/tensor.h"
#include "core/threads.h"

namespace gradus::kernels {

/// y[i] = f(x[i]).
template <class F>
Tensor map(const Tensor& x, const F& f) {
  Tensor y(x.shape());
  const real* a = x.data();
  real* o = y.mutable_data();
  parallel_for(x.numel(), kParallelGrain, [=](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) o[i] = f(a[i]);
  });
  return y;
}

/// y[i] = f(a[i], b[i]) for two tensors of equal numel; y takes the shape of a.
template <class F>
Tensor zip(const Tensor& x, const Tensor& z, const F& f) {
  Tensor y(x.shape());
  const real *a = x.data(), *b = z.data();
  real* o = y.mutable_data();
  parallel_for(x.numel(), kParallelGrain, [=](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) o[i] = f(a[i], b[i]);
  });
  return y;
}

/// y[i] = f(a[i], b[i], c[i]) for three tensors of equal numel.
template <class F>
Tensor zip(const Tensor& x, const Tensor& z, const Tensor& w, const F& f) {
  Tensor y(x.shape());
  const real *a = x.data(), *b = z.data(), *c = w.data();
  real* o = y.mutable_data();
  parallel_for(x.numel(), kParallelGrain, [=](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) o[i] = f(a[i], b[i], c[i]);
  });
  return y;
}

/// One row of n outputs; each input advances or stands still.
template <class F>
inline void binary_row(const real* a, bool a_moves, const real* b, bool b_moves, real* o, int64 n,
                       const F& f) {
  if (a_moves && b_moves) {
    for (int64 i = 0; i < n; ++i) o[i] = f(a[i], b[i]);
  } else if (a_moves) {
    const real s = *b;
    for (int64 i = 0; i < n; ++i) o[i] = f(a[i], s);
  } else {
    const real s = *a;
    for (int64 i = 0; i < n; ++i) o[i] = f(s, b_moves ? b[i] : *b);
  }
}

/// y = f(a, b) with numpy broadcasting; `name` goes into the ShapeError.
template <class F>
Tensor map(const char* name, const Tensor& x, const Tensor& z, const F& f) {
  if (x.shape() == z.shape()) return zip(x, z, f);
  Tensor y(broadcast(x.shape(), z.shape(), name));
  if (y.numel() == 0) return y;
  const auto plan = broadcast_plan<2>(y.shape(), {&x.shape(), &z.shape()});
  const real *a = x.data(), *b = z.data();
  real* o = y.mutable_data();
  const bool a_moves = plan.inner_moves(0), b_moves = plan.inner_moves(1);
  const int64 n = plan.inner;
  if (plan.rank <= 1) {
    parallel_for(n, kParallelGrain, [&](int64 begin, int64 end) {
      binary_row(a + (a_moves ? begin : 0), a_moves, b + (b_moves ? begin : 0), b_moves, o + begin,
                 end - begin, f);
    });
    return y;
  }
  parallel_for(plan.outer, kParallelGrain / n + 1, [&](int64 begin, int64 end) {
    for (int64 row = begin; row < end; ++row)
      binary_row(a + plan.offset(0, row), a_moves, b + plan.offset(1, row), b_moves, o + row * n, n, f);
  });
  return y;
}

/// y = f(a, b, c) with numpy broadcasting.
template <class F>
Tensor map(const char* name, const Tensor& x, const Tensor& z, const Tensor& w, const F& f) {
  if (x.shape() == z.shape() && x.shape() == w.shape()) return zip(x, z, w, f);
  Tensor y(broadcast(broadcast(x.shape(), z.shape(), name), w.shape(), name));
  if (y.numel() == 0) return y;
  const auto plan = broadcast_plan<3>(y.shape(), {&x.shape(), &z.shape(), &w.shape()});
  real* o = y.mutable_data();
  const int64 n = plan.inner, sa = plan.inner_moves(0), sb = plan.inner_moves(1), sc = plan.inner_moves(2);
  parallel_for(plan.outer, kParallelGrain / n + 1, [&](int64 begin, int64 end) {
    for (int64 row = begin; row < end; ++row) {
      const real *a = x.data() + plan.offset(0, row), *b = z.data() + plan.offset(1, row),
                 *c = w.data() + plan.offset(2, row);
      for (int64 i = 0; i < n; ++i) o[row * n + i] = f(a[i * sa], b[i * sb], c[i * sc]);
    }
  });
  return y;
}

}  // namespace gradus::kernels
