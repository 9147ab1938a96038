#include "core/kernels/linear.h"

#include <algorithm>
#include <vector>

#include "core/blas.h"
#include "core/error.h"
#include "core/kernels/gemm.h"
#include "core/kernels/partial_sums.h"
#include "core/kernels/reduce.h"
#include "core/kernels/vmath.h"
#include "core/kernels/weight_panels.h"

namespace gradus::kernels {
namespace {

// y = e(y + bias) on `n` numbers of a row; the derivative into `slope` if given.
void finish_row(real* y, const real* bias, int64 n, Epilogue e, real* slope) {
  if (bias)
    for (int64 i = 0; i < n; ++i) y[i] += bias[i];
  if (e == Epilogue::kRelu) {
    for (int64 i = 0; i < n; ++i) y[i] = y[i] <= 0 ? real{0} : y[i];
  } else if (e == Epilogue::kGelu && slope) {
    for (int64 i = 0; i < n; ++i) {
      const real x = y[i];
      const real distribution = real(0.5) + real(0.5) * vmath::erf(x * real(0.70710678118654752440));
      slope[i] = distribution + x * real(0.39894228040143267794) * vmath::exp(real(-0.5) * x * x);
      y[i] = x * distribution;
    }
  } else if (e == Epilogue::kGelu) {
    for (int64 i = 0; i < n; ++i) y[i] = vmath::gelu(y[i]);
  }
}

// The cotangent of the product itself.
void gate(const real* g, const real* state, int64 n, Epilogue e, real* to) {
  if (e == Epilogue::kRelu) {
    for (int64 i = 0; i < n; ++i) to[i] = state[i] != 0 ? g[i] : real{0};  // NaN stays
  } else {
    for (int64 i = 0; i < n; ++i) to[i] = g[i] * state[i];
  }
}

struct Extents {
  int64 rows, in, out;
};

// Rows handled together in the one-pass gradient: their cotangents and inputs stay in the second-level cache.
constexpr int64 kRows = 16 * kTileRows, kFewRows = 16;

// Weights small enough that a thread keeps them, and their gradient, in its cache; and rows enough to pay for that.
bool one_pass(const Extents& s) { return s.in * s.out <= int64{1} << 17 && s.rows >= 2 * kRows; }

void grad_in_one_pass(const Extents& s, const real* g, const real* x, const real* w, Epilogue e,
                      const real* state, real* dx, real* dw, real* db) {
  const int64 weights = dw ? s.in * s.out : 0, biases = db ? s.out : 0;
  Tensor sums({weights + biases});
  sum_in_parts(s.rows, kRows, sums.numel(), sums.mutable_data(), [&](int64 begin, int64 end, real* mine) {
    const int64 ld = e == Epilogue::kNone ? s.out : s.out + kLanes;  // of the gated cotangent
    LaneBuffer w_panels(dx ? panel_numbers(s.out, s.in) / kLanes : 0);
    LaneBuffer x_panels(dw ? panel_numbers(kRows, s.in) / kLanes : 0);
    LaneBuffer gated(e == Epilogue::kNone ? 0 : kRows * (ld + kLanes) / kLanes);
    std::vector<real> some(
        static_cast<size_t>(biases));  // bias gradients of kFewRows rows, and of all before
    std::vector<double> totals(static_cast<size_t>(biases), 0.0);
    if (dx) pack_pieces(matrix_view(w, s.in), s.out, s.in, 1, w_panels.data());
    for (int64 first = begin; first < end; first += kRows) {
      const int64 rows = std::min(kRows, end - first);
      const real* h = g + first * s.out;
      if (e != Epilogue::kNone) {
        for (int64 r = 0; r < rows; ++r)
          gate(h + r * s.out, state + (first + r) * s.out, s.out, e, gated.data() + r * ld);
        h = gated.data();
      }
      if (dx)
        multiply_pieces(matrix_view(h, ld), rows, s.out, s.in, w_panels.data(), dx + first * s.in, s.in,
                        false);
      if (dw) {
        pack_panels(matrix_view(x + first * s.in, s.in), rows, s.in, 1, x_panels.data());
        multiply_packed(matrix_view(h, ld, true), s.out, rows, s.in, x_panels.data(), mine, s.in, true);
      }
      for (int64 from = 0; db && from < rows; from += kFewRows) {
        std::fill_n(some.data(), biases, real{0});
        for (int64 r = from; r < std::min(rows, from + kFewRows); ++r)
          for (int64 i = 0; i < biases; ++i) some[static_cast<size_t>(i)] += h[r * ld + i];
        for (size_t i = 0; i < some.size(); ++i) totals[i] += static_cast<double>(some[i]);
      }
    }
    std::copy(totals.begin(), totals.end(), mine + weights);
  });
  if (dw) std::copy_n(sums.data(), weights, dw);
  if (db) std::copy_n(sums.data() + weights, biases, db);
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, Epilogue epilogue, Tensor* slope) {
  const bool bias_fits = !bias.defined() || (bias.rank() == 1 && bias.dim(0) == w.dim(0));
  if (x.rank() < 1 || w.rank() != 2 || x.dim(-1) != w.dim(1) || !bias_fits)
    fail<ShapeError>("linear: x {} with weight {} and bias {}", x.shape().str(), w.shape().str(),
                     bias.defined() ? bias.shape().str() : "none");
  const int64 in = w.dim(1), out = w.dim(0);
  std::vector<int64> dims(x.shape().begin(), x.shape().end());
  dims.back() = out;
  Tensor y{Shape(dims)};
  if (slope) *slope = Tensor(y.shape());
  const int64 rows = out ? y.numel() / out : 0;
  if (rows == 0) return y;
  real* o = y.mutable_data();
  real* ds = slope ? slope->mutable_data() : nullptr;
  const real* b = bias.defined() ? bias.data() : nullptr;
  const auto finish = [=](int64 row, int64 count, int64 column, int64 columns) {
    for (int64 r = row; r < row + count; ++r)
      finish_row(o + r * out + column, b ? b + column : nullptr, columns, epilogue,
                 ds ? ds + r * out + column : nullptr);
  };
  const auto activate = [=](int64 row, int64 count, int64 column, int64 columns) {
    for (int64 r = row; epilogue != Epilogue::kNone && r < row + count; ++r)
      finish_row(o + r * out + column, nullptr, columns, epilogue, ds ? ds + r * out + column : nullptr);
  };
  if (WeightPanels* packed = WeightPanels::current(); packed && in > 0) {
    gemm_packed(matrix_view(x.data(), in), packed->of(w), rows, out, in, o, out, b, activate);
    return y;
  }
  if (own_gemm_pays(rows, out, in)) {
    gemm_blocked(matrix_view(x.data(), in), matrix_view(w.data(), in, true), rows, out, in, 1, o, out, false,
                 b, activate);
    return y;
  }
  gemm(false, true, rows, out, in, 1, x.data(), in, w.data(), in, 0, o, out);
  parallel_for(rows, kParallelGrain / (out + 1) + 1,
               [&](int64 begin, int64 end) { finish(begin, end - begin, 0, out); });
  return y;
}

LinearDual linear_dual(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& dx,
                       const Tensor& dw, const Tensor& dbias, Epilogue epilogue) {
  if ((dx && !(dx.shape() == x.shape())) || (dw && !(dw.shape() == w.shape())))
    fail<ShapeError>("linear_dual: x {} along {}, weight {} along {}", x.shape().str(),
                     dx ? dx.shape().str() : "nothing", w.shape().str(), dw ? dw.shape().str() : "nothing");
  LinearDual d;
  Tensor slope;
  const int64 in = w.dim(1), out = w.dim(0);
  d.y = linear(x, w, bias, epilogue, epilogue == Epilogue::kGelu ? &slope : nullptr);
  d.dy = dw ? linear(x, dw, dbias) : linear(dx, w, dbias);
  const int64 rows = out ? d.dy.numel() / out : 0;
  if (rows == 0) return d;
  real* dy = d.dy.mutable_data();
  if (dx && dw) gemm(false, true, rows, out, in, 1, dx.data(), in, w.data(), in, 1, dy, out);
  if (epilogue != Epilogue::kNone) {
    const real* state = epilogue == Epilogue::kRelu ? d.y.data() : slope.data();
    parallel_for(rows * out, kParallelGrain, [=](int64 begin, int64 end) {
      gate(dy + begin, state + begin, end - begin, epilogue, dy + begin);
    });
  }
  return d;
}

LinearGrads linear_grad(const Tensor& g, const Tensor& x, const Tensor& w, Epilogue epilogue,
                        const Tensor& state, LinearNeeds needs) {
  if (w.rank() != 2 || x.rank() < 1 || g.rank() != x.rank() || g.dim(-1) != w.dim(0) ||
      x.dim(-1) != w.dim(1) || g.numel() * w.dim(1) != x.numel() * w.dim(0) ||
      (epilogue != Epilogue::kNone && !(state.shape() == g.shape())))
    fail<ShapeError>("linear_grad: gradient {} for x {} with weight {}", g.shape().str(), x.shape().str(),
                     w.shape().str());
  const Extents s{w.dim(0) ? g.numel() / w.dim(0) : 0, w.dim(1), w.dim(0)};
  LinearGrads d{needs.x ? Tensor(x.shape()) : Tensor(), needs.w ? Tensor(w.shape()) : Tensor(),
                needs.bias ? Tensor({s.out}) : Tensor()};
  real* dx = needs.x ? d.dx.mutable_data() : nullptr;
  real* dw = needs.w ? d.dw.mutable_data() : nullptr;
  real* db = needs.bias ? d.db.mutable_data() : nullptr;
  if (one_pass(s) && kVectorBytes == 64) {
    grad_in_one_pass(s, g.data(), x.data(), w.data(), epilogue,
                     epilogue == Epilogue::kNone ? nullptr : state.data(), dx, dw, db);
    return d;
  }
  Tensor h = g;
  if (epilogue != Epilogue::kNone) {
    h = Tensor(g.shape());
    real* to = h.mutable_data();
    parallel_for(g.numel(), kParallelGrain, [&](int64 begin, int64 end) {
      gate(g.data() + begin, state.data() + begin, end - begin, epilogue, to + begin);
    });
  }
  if (dx) gemm(false, false, s.rows, s.in, s.out, 1, h.data(), s.out, w.data(), s.in, 0, dx, s.in);
  if (dw) gemm(true, false, s.out, s.in, s.rows, 1, h.data(), s.out, x.data(), s.in, 0, dw, s.in);
  if (needs.bias) d.db = sum(h.view({s.rows, s.out}), axis_bit(0), {s.out});
  return d;
}

}  // namespace gradus::kernels
