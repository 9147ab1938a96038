// The transforms of Winograd's minimal filtering F(4x4, 3x3): a 4x4 tile of outputs from a 6x6 tile of inputs
// with 36 products instead of 144.
//
// Paper: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv 1509.09308, with
// interpolation at 0, 1, -1, 2, -2 and infinity:
//   Y = A' [ (G g G') * (B' d B) ] A        (elementwise product, then summed over channels)
// and, since this is linear in g, the weight gradient is its adjoint:
//   dg = G' [ sum over tiles of (A dY A') * (B' d B) ] G.
// Each function below is one of the one-dimensional transforms; a tile takes it along columns, then rows. T is
// a vector of lanes or a number.
#pragma once

#include "core/kernels/lanes.h"

namespace gradus::kernels::winograd {

inline constexpr int kTile = 4, kSpan = 6, kPoints = kSpan * kSpan;

/// Vectors from one point's numbers to the next point's, where each has `vectors` of them: an odd number, so that the 36
/// cache lines that a transform writes fall into 36 different sets of the cache. Powers of two would put all into one.
inline int64 apart(int64 vectors) { return vectors | 1; }
inline int64 rounded_up(int64 n, int64 step) { return (n + step - 1) / step * step; }

/// B' d.
template <class T>
inline void input(const T (&d)[6], T (&v)[6]) {
  const T a = d[4] - real(4) * d[2], b = d[3] - real(4) * d[1], c = d[4] - d[2], e = real(2) * (d[3] - d[1]);
  v[0] = real(4) * d[0] - real(5) * d[2] + d[4];
  v[1] = a + b;
  v[2] = a - b;
  v[3] = c + e;
  v[4] = c - e;
  v[5] = real(4) * d[1] - real(5) * d[3] + d[5];
}

/// A' m.
template <class T>
inline void output(const T (&m)[6], T (&y)[4]) {
  const T a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
  y[0] = m[0] + a + c;
  y[1] = b + real(2) * e;
  y[2] = a + real(4) * c;
  y[3] = b + real(8) * e + m[5];
}

/// A y.
template <class T>
inline void output_adjoint(const T (&y)[4], T (&m)[6]) {
  const T a = y[0] + y[2], b = y[1] + y[3], c = y[0] + real(4) * y[2], e = real(2) * y[1] + real(8) * y[3];
  m[0] = y[0];
  m[1] = a + b;
  m[2] = a - b;
  m[3] = c + e;
  m[4] = c - e;
  m[5] = y[3];
}

/// G g.
template <class T>
inline void filter(const T (&g)[3], T (&u)[6]) {
  const T a = (g[0] + g[2]) * real(-1.0 / 6), b = g[1] * real(1.0 / 6);
  const T c = g[0] * real(1.0 / 24) + g[2] * real(1.0 / 6), e = g[1] * real(1.0 / 12);
  u[0] = g[0] * real(0.25);
  u[1] = a - b;
  u[2] = a + b;
  u[3] = c + e;
  u[4] = c - e;
  u[5] = g[2];
}

/// G' u.
template <class T>
inline void filter_adjoint(const T (&u)[6], T (&g)[3]) {
  const T a = (u[1] + u[2]) * real(1.0 / 6), b = u[3] + u[4];
  g[0] = u[0] * real(0.25) - a + b * real(1.0 / 24);
  g[1] = (u[2] - u[1]) * real(1.0 / 6) + (u[3] - u[4]) * real(1.0 / 12);
  g[2] = b * real(1.0 / 6) - a + u[5];
}

/// out = F along columns, then rows, of in: (kIn,kIn) -> (kOut,kOut). `get(i, j)` reads, `put(i, j, v)` writes.
template <class T, int kIn, int kOut, class F, class Get, class Put>
inline void both_ways(const F& transform, const Get& get, const Put& put) {
  T half[kOut][kIn];
  for (int j = 0; j < kIn; ++j) {
    T in[kIn], out[kOut];
#pragma GCC unroll 6
    for (int i = 0; i < kIn; ++i) in[i] = get(i, j);
    transform(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < kOut; ++i) half[i][j] = out[i];
  }
  for (int i = 0; i < kOut; ++i) {
    T out[kOut];
    transform(half[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < kOut; ++j) put(i, j, out[j]);
  }
}

}  // namespace gradus::kernels::winograd
