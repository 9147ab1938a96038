#include "core/kernels/reduce.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/kernels/columns.h"
#include "core/kernels/reduce_plan.h"
#include "core/threads.h"

namespace gradus {

Shape reduced_shape(const Shape& x, AxisMask axes, bool keep_dims) {
  std::vector<int64> dims;
  for (int i = 0; i < x.rank(); ++i) {
    if (!(axes & axis_bit(i)))
      dims.push_back(x[i]);
    else if (keep_dims)
      dims.push_back(1);
  }
  return Shape(dims);
}

namespace kernels {
namespace {

void multiply(std::vector<int64>& offsets, int64 extent, int64 stride) {
  std::vector<int64> out;
  out.reserve(offsets.size() * static_cast<size_t>(extent));
  for (int64 i = 0; i < extent; ++i)
    for (int64 o : offsets) out.push_back(i * stride + o);
  offsets = std::move(out);
}

constexpr int64 kBlock = 4096;

// A float that takes up n numbers one after the other is off by up to n/2 roundings of the last one. So lanes take up
// kRun numbers each, then a second row of lanes takes up these sums, and blocks are added in double.
real sum_block(const real* x, int64 n) {
  constexpr int64 kWide = 128 / sizeof(real) * 2, kRun = 8;
  std::array<real, kWide> total{};
  int64 i = 0;
  while (i + kWide <= n) {
    std::array<real, kWide> lane{};
    for (const int64 end = std::min(i + kRun * kWide, n - kWide + 1); i < end; i += kWide)
      for (int64 j = 0; j < kWide; ++j) lane[static_cast<size_t>(j)] += x[i + j];
    for (size_t j = 0; j < kWide; ++j) total[j] += lane[j];
  }
  real tail = 0;
  for (; i < n; ++i) tail += x[i];
  for (size_t width = kWide / 2; width > 0; width /= 2)
    for (size_t j = 0; j < width; ++j) total[j] += total[j + width];
  return total[0] + tail;
}

// Column sums: for each kept position the runs at all reduced positions are added up. Long columns are cut
// into blocks of rows whose partial sums are added in order.
void sum_columns(const ReducePlan& plan, const real* x, real* out) {
  const int64 rows = static_cast<int64>(plan.reduced.size()), kept = static_cast<int64>(plan.kept.size());
  const int64 n = plan.run, columns = kept * n;
  const int64 blocks =
      columns >= 8192 ? 1 : std::clamp<int64>(std::min(rows * n / 16384, rows / (2 * kRowsAtOnce)), 1, 64);
  const int64 chunks = (n + kColumns - 1) / kColumns;
  std::vector<double> partial(static_cast<size_t>(blocks > 1 ? blocks * columns : 0));
  parallel_for(blocks * kept * chunks, kParallelGrain * blocks / (rows * std::min(n, kColumns)) + 1,
               [&](int64 begin, int64 end) {
                 std::array<double, kColumns> sums;
                 for (int64 task = begin; task < end; ++task) {
                   const int64 b = task / (kept * chunks), k = task / chunks % kept;
                   const int64 column = task % chunks * kColumns, size = std::min(kColumns, n - column);
                   const int64 from = rows * b / blocks, to = rows * (b + 1) / blocks;
                   const real* at = x + plan.kept[static_cast<size_t>(k)] + column;
                   const int64* offsets = plan.reduced.data() + from;
                   if (blocks > 1) {
                     add_rows(partial.data() + b * columns + k * n + column, at, offsets, to - from, size);
                   } else if (rows <= kRowsAtOnce) {
                     set_few_rows(out + k * n + column, at, offsets, rows, size);
                   } else {
                     std::fill_n(sums.data(), size, 0.0);
                     add_rows(sums.data(), at, offsets, rows, size);
                     std::copy_n(sums.data(), size, out + k * n + column);
                   }
                 }
               });
  if (blocks == 1) return;
  for (int64 k = 0; k < columns; ++k) {
    double total = 0;
    for (int64 b = 0; b < blocks; ++b) total += partial[static_cast<size_t>(b * columns + k)];
    out[k] = static_cast<real>(total);
  }
}

}  // namespace

ReducePlan::ReducePlan(const Shape& x, AxisMask axes) {
  bool in_run = true, first = true;
  int64 stride = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    const int64 extent = x[i];
    if (extent == 1) continue;
    const bool is_reduced = axes & axis_bit(i);
    if (first) run_reduced = is_reduced;
    first = false;
    if (in_run && is_reduced == run_reduced) {
      run *= extent;
    } else {
      in_run = false;
      multiply(is_reduced ? reduced : kept, extent, stride);
    }
    stride *= extent;
  }
}

real sum_row(const real* x, int64 n) {
  if (n <= kBlock) return sum_block(x, n);
  double total = 0;
  for (int64 i = 0; i < n; i += kBlock) total += sum_block(x + i, std::min(kBlock, n - i));
  return static_cast<real>(total);
}

Tensor sum(const Tensor& x, AxisMask axes, const Shape& out) {
  if (x.numel() == 0) return Tensor::zeros(out);
  const ReducePlan plan(x.shape(), axes);
  Tensor y(out);
  real* o = y.mutable_data();
  const real* a = x.data();
  if (!plan.run_reduced) {
    sum_columns(plan, a, o);
    return y;
  }
  const int64 kept = static_cast<int64>(plan.kept.size()), rows = static_cast<int64>(plan.reduced.size());
  if (kept == 1 && rows == 1 && plan.run > 2 * kParallelGrain) {
    const int64 blocks = (plan.run + kBlock - 1) / kBlock;
    std::vector<real> partial(static_cast<size_t>(blocks));
    parallel_for(blocks, 8, [&](int64 begin, int64 end) {
      for (int64 b = begin; b < end; ++b)
        partial[static_cast<size_t>(b)] = sum_block(a + b * kBlock, std::min(kBlock, plan.run - b * kBlock));
    });
    double total = 0;
    for (real p : partial) total += p;
    *o = static_cast<real>(total);
    return y;
  }
  parallel_for(kept, kParallelGrain / (rows * plan.run) + 1, [&](int64 begin, int64 end) {
    for (int64 k = begin; k < end; ++k) {
      const real* at = a + plan.kept[static_cast<size_t>(k)];
      if (rows == 1) {
        o[k] = sum_row(at, plan.run);
        continue;
      }
      double total = 0;
      for (int64 r : plan.reduced) total += sum_row(at + r, plan.run);
      o[k] = static_cast<real>(total);
    }
  });
  return y;
}

}  // namespace kernels
}  // namespace gradus
