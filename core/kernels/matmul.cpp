#include "core/kernels/matmul.h"

#include <algorithm>

#include "core/blas.h"
#include "core/error.h"
#include "core/kernels/broadcast.h"
#include "core/threads.h"

namespace gradus {
namespace {

Shape leading(const Shape& s) { return Shape(s.dims().first(static_cast<size_t>(s.rank() - 2))); }

}  // namespace

Shape matmul_shape(const Shape& a, const Shape& b, bool transpose_a, bool transpose_b) {
  const auto mark = [](bool t) { return t ? "'" : ""; };
  if (a.rank() < 2 || b.rank() < 2 || a[transpose_a ? -2 : -1] != b[transpose_b ? -1 : -2])
    fail<ShapeError>("matmul: {}{} times {}{}", a.str(), mark(transpose_a), b.str(), mark(transpose_b));
  const Shape batch = broadcast(leading(a), leading(b), "matmul");
  std::vector<int64> dims(batch.begin(), batch.end());
  dims.push_back(a[transpose_a ? -1 : -2]);
  dims.push_back(b[transpose_b ? -2 : -1]);
  return Shape(dims);
}

namespace kernels {

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  Tensor y(matmul_shape(a.shape(), b.shape(), transpose_a, transpose_b));
  if (y.numel() == 0) return y;
  const int64 m = y.dim(-2), n = y.dim(-1), k = a.dim(transpose_a ? -2 : -1);
  const int64 lda = a.dim(-1), ldb = b.dim(-1), batch = y.numel() / (m * n);
  real* o = y.mutable_data();
  if (b.rank() == 2 && !transpose_a) {  // one tall product: leading axes of a are rows
    gemm(false, transpose_b, batch * m, n, k, 1, a.data(), lda, b.data(), ldb, 0, o, n);
    return y;
  }
  const Shape out = leading(y.shape()), lead_a = leading(a.shape()), lead_b = leading(b.shape());
  const auto plan = broadcast_plan<2>(out, {&lead_a, &lead_b});
  const int64 inner = plan.inner, step_a = plan.inner_moves(0), step_b = plan.inner_moves(1);
  const auto one = [&](int64 i) {
    const int64 at_a = plan.offset(0, i / inner) + i % inner * step_a;
    const int64 at_b = plan.offset(1, i / inner) + i % inner * step_b;
    gemm(transpose_a, transpose_b, m, n, k, 1, a.data() + at_a * m * k, lda, b.data() + at_b * k * n, ldb, 0,
         o + i * m * n, n);
  };
  // Inside a parallel region BLAS runs on one thread: many small products are shared out, few large ones are
  // each split by BLAS itself.
  constexpr int64 kLarge = int64{1} << 24;
  if (batch < threads() || (m * n * k >= kLarge && batch < 4 * threads())) {
    for (int64 i = 0; i < batch; ++i) one(i);
  } else {
    parallel_for(batch, kParallelGrain / (m * n * k / 16 + 1) + 1, [&](int64 begin, int64 end) {
      for (int64 i = begin; i < end; ++i) one(i);
    });
  }
  return y;
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias, bool relu) {
  const bool bias_fits = !bias.defined() || (bias.rank() == 1 && bias.dim(0) == w.dim(0));
  if (x.rank() < 1 || w.rank() != 2 || x.dim(-1) != w.dim(1) || !bias_fits)
    fail<ShapeError>("linear: x {} with weight {} and bias {}", x.shape().str(), w.shape().str(),
                     bias.defined() ? bias.shape().str() : "none");
  const int64 in = w.dim(1), out = w.dim(0);
  std::vector<int64> dims(x.shape().begin(), x.shape().end());
  dims.back() = out;
  Tensor y{Shape(dims)};
  const int64 rows = out ? y.numel() / out : 0;
  real* o = y.mutable_data();
  if (bias.defined()) {  // the product is added onto rows of the bias
    const real* b = bias.data();
    parallel_for(rows, kParallelGrain / (out + 1) + 1, [=](int64 begin, int64 end) {
      for (int64 r = begin; r < end; ++r) std::copy_n(b, out, o + r * out);
    });
  }
  gemm(false, true, rows, out, in, 1, x.data(), in, w.data(), in, bias.defined() ? 1 : 0, o, out);
  if (relu) {
    parallel_for(y.numel(), kParallelGrain, [=](int64 begin, int64 end) {
      for (int64 i = begin; i < end; ++i) o[i] = o[i] <= 0 ? real{0} : o[i];
    });
  }
  return y;
}

}  // namespace kernels
}  // namespace gradus
