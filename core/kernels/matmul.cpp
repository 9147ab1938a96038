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
  // Inside a parallel loop a product runs on one thread: many small ones are shared out, few large ones are each
  // divided by `gemm`.
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

}  // namespace kernels
}  // namespace gradus
