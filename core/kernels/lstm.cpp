#include "core/kernels/lstm.h"

#include <algorithm>

#include "core/blas.h"
#include "core/error.h"
#include "core/kernels/gemm.h"
#include "core/kernels/vmath.h"

namespace gradus::kernels {
namespace {

struct Extents {
  int64 steps, n, h;
  int64 gate_row() const { return 4 * h; }
  int64 state() const { return n * h; }
};

Extents check(const char* op, const Tensor& x, const Tensor& w, const Tensor& h, const Tensor& c) {
  const bool fits = x.rank() == 3 && w.rank() == 2 && h.rank() == 2 && x.dim(0) > 0 && w.dim(1) > 0 &&
                    w.dim(0) == 4 * w.dim(1) && x.dim(2) == w.dim(0) &&
                    h.shape() == Shape{x.dim(1), w.dim(1)} && c.shape() == h.shape();
  if (!fits)
    fail<ShapeError>("{}: x {} with weight {}, h {} and c {}: needs (T,N,4H), (4H,H), (N,H), (N,H)", op,
                     x.shape().str(), w.shape().str(), h.shape().str(), c.shape().str());
  return {x.dim(0), x.dim(1), w.dim(1)};
}

// Units [0, count) of one example: from the sums in p[0], p[h], p[2h], p[3h], which become the gates, and the cells before.
void step_units(real* p, int64 h, int64 count, const real* before, real* cell, real* out) {
  real *i = p, *f = p + h, *g = p + 2 * h, *o = p + 3 * h;
#pragma omp simd
  for (int64 u = 0; u < count; ++u) {
    i[u] = vmath::sigmoid(i[u]);
    f[u] = vmath::sigmoid(f[u]);
    g[u] = vmath::tanh(g[u]);
    o[u] = vmath::sigmoid(o[u]);
    cell[u] = f[u] * before[u] + i[u] * g[u];
    out[u] = o[u] * vmath::tanh(cell[u]);
  }
}

// The same units backward: dh and dc are the cotangents of the new h and c, dc becomes that of the cells before.
void step_back(const real* p, int64 h, int64 count, const real* before, const real* cell, const real* dh,
               real* dc, real* grad) {
  const real *i = p, *f = p + h, *g = p + 2 * h, *o = p + 3 * h;
  real *di = grad, *df = grad + h, *dg = grad + 2 * h, *d_o = grad + 3 * h;
#pragma omp simd
  for (int64 u = 0; u < count; ++u) {
    const real t = vmath::tanh(cell[u]), all = dc[u] + dh[u] * o[u] * (1 - t * t);
    d_o[u] = dh[u] * t * o[u] * (1 - o[u]);
    di[u] = all * g[u] * i[u] * (1 - i[u]);
    dg[u] = all * i[u] * (1 - g[u] * g[u]);
    df[u] = all * before[u] * f[u] * (1 - f[u]);
    dc[u] = all * f[u];
  }
}

}  // namespace

Tensor lstm(const Tensor& x, const Tensor& w, const Tensor& h, const Tensor& c, Tensor* gates,
            Tensor* cells) {
  const Extents s = check("lstm", x, w, h, c);
  Tensor y({s.steps + 1, s.n, s.h});
  // Where nobody asks for them, gates and cells of one step after the other in the same place.
  const bool kept = gates != nullptr;
  Tensor all_gates({kept ? s.steps : 1, s.n, s.gate_row()}), all_cells({cells ? s.steps : 1, s.n, s.h});
  if (gates) *gates = all_gates;
  if (cells) *cells = all_cells;
  if (s.n == 0) return y;
  real *py = y.mutable_data(), *pg = all_gates.mutable_data(), *pc = all_cells.mutable_data();
  // Each gate packed apart, so that a thread can take some units of all four.
  const int64 size = panel_numbers(s.h, s.h), depth = gemm_depth(s.h);
  LaneBuffer packed((4 * size + kLanes - 1) / kLanes);
  parallel_for(4, kParallelGrain / (s.h * s.h) + 1, [&](int64 begin, int64 end) {
    for (int64 g = begin; g < end; ++g)
      pack_pieces(matrix_view(w.data() + g * s.h * s.h, s.h, true), s.h, s.h, 1, packed.data() + g * size);
  });
  const int64 units = (s.h + kPanel - 1) / kPanel, work = s.n * kPanel * 4 * s.h;
  for (int64 t = 0; t < s.steps; ++t) {
    const real* before = t ? py + (t - 1) * s.state() : h.data();
    const real* cells_before = t == 0 ? c.data() : cells ? pc + (t - 1) * s.state() : pc;
    real* p = pg + (kept ? t * s.n * s.gate_row() : 0);
    real* cell = cells ? pc + t * s.state() : pc;
    parallel_for(units, (int64{1} << 18) / work + 1, [&](int64 begin, int64 end) {
      const int64 first = begin * kPanel, count = std::min(end * kPanel, s.h) - first;
      for (int64 g = 0; g < 4; ++g) {
        real* sums = p + g * s.h + first;
        const real* from = x.data() + t * s.n * s.gate_row() + g * s.h + first;
        for (int64 r = 0; r < s.n; ++r) std::copy_n(from + r * s.gate_row(), count, sums + r * s.gate_row());
        for (int64 k0 = 0; k0 < s.h; k0 += depth) {
          const int64 d = std::min(depth, s.h - k0);
          multiply_packed(matrix_view(before, s.h).from(0, k0), s.n, d, count,
                          packed.data() + g * size + panel_numbers(k0, s.h) + first * d, sums, s.gate_row(),
                          true);
        }
      }
      for (int64 r = 0; r < s.n; ++r) {
        const int64 at = r * s.h + first;
        step_units(p + r * s.gate_row() + first, s.h, count, cells_before + at, cell + at,
                   py + t * s.state() + at);
      }
    });
  }
  std::copy_n(cells ? pc + (s.steps - 1) * s.state() : pc, s.state(), py + s.steps * s.state());
  return y;
}

LstmGrads lstm_grad(const Tensor& y_grad, const Tensor& w, const Tensor& h, const Tensor& c, const Tensor& y,
                    const Tensor& gates, const Tensor& cells) {
  const Extents s = check("lstm_grad", gates, w, h, c);
  if (!(y_grad.shape() == y.shape()) || !(y.shape() == Shape{s.steps + 1, s.n, s.h}) ||
      !(cells.shape() == Shape{s.steps, s.n, s.h}))
    fail<ShapeError>("lstm_grad: gradient {}, output {} and cells {} for gates {}", y_grad.shape().str(),
                     y.shape().str(), cells.shape().str(), gates.shape().str());
  LstmGrads d{Tensor(gates.shape()), Tensor(w.shape()), Tensor(h.shape()), Tensor(c.shape())};
  real *dx = d.dx.mutable_data(), *dw = d.dw.mutable_data(), *dh = d.dh.mutable_data(),
       *dc = d.dc.mutable_data();
  if (s.n == 0) {
    d.dw.fill(0);
    return d;
  }
  const real *g = y_grad.data(), *pg = gates.data(), *pc = cells.data();
  const int64 gate_step = s.n * s.gate_row();
  // Some units of some examples of step t, when dh holds what later steps ask of h_t.
  const auto back = [&](int64 t, int64 row, int64 rows, int64 first, int64 count) {
    for (int64 r = row; r < row + rows; ++r) {
      const int64 at = r * s.h + first, p = t * gate_step + r * s.gate_row() + first;
      for (int64 u = at; u < at + count; ++u) dh[u] += g[t * s.state() + u];
      step_back(pg + p, s.h, count, (t ? pc + (t - 1) * s.state() : c.data()) + at, pc + t * s.state() + at,
                dh + at, dc + at, dx + p);
    }
  };
  std::fill_n(dh, s.state(), real{0});
  std::copy_n(g + s.steps * s.state(), s.state(), dc);
  back(s.steps - 1, 0, s.n, 0, s.h);
  LaneBuffer packed((panel_numbers(s.gate_row(), s.h) + kLanes - 1) / kLanes);
  pack_pieces(matrix_view(w.data(), s.h), s.gate_row(), s.h, 1, packed.data());
  for (int64 t = s.steps - 1; t >= 0; --t)
    gemm_packed(matrix_view(dx + t * gate_step, s.gate_row()), packed.data(), s.n, s.h, s.gate_row(), dh, s.h,
                nullptr, [&](int64 row, int64 rows, int64 column, int64 columns) {
                  if (t > 0) back(t - 1, row, rows, column, columns);
                });
  gemm(true, false, s.gate_row(), s.h, s.n, 1, dx, s.gate_row(), h.data(), s.h, 0, dw, s.h);
  if (s.steps > 1)
    gemm(true, false, s.gate_row(), s.h, (s.steps - 1) * s.n, 1, dx + gate_step, s.gate_row(), y.data(), s.h,
         1, dw, s.h);
  return d;
}

}  // namespace gradus::kernels
