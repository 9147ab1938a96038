#include "core/kernels/reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/kernels/blocked_sum.h"
#include "core/kernels/vmath.h"
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

// x seen as kept outer positions, reduced outer positions and one contiguous run that is either reduced or
// kept as a whole.
struct Plan {
  std::vector<int64> kept{0}, reduced{0};  // offsets, row-major order
  int64 run = 1;
  bool run_reduced = true;
};

void multiply(std::vector<int64>& offsets, int64 extent, int64 stride) {
  std::vector<int64> out;
  out.reserve(offsets.size() * static_cast<size_t>(extent));
  for (int64 i = 0; i < extent; ++i)
    for (int64 o : offsets) out.push_back(i * stride + o);
  offsets = std::move(out);
}

Plan plan_for(const Shape& x, AxisMask axes) {
  Plan plan;
  bool in_run = true, first = true;
  int64 stride = 1;
  for (int i = x.rank() - 1; i >= 0; --i) {
    const int64 extent = x[i];
    if (extent == 1) continue;
    const bool reduced = axes & axis_bit(i);
    if (first) plan.run_reduced = reduced;
    first = false;
    if (in_run && reduced == plan.run_reduced) {
      plan.run *= extent;
    } else {
      in_run = false;
      multiply(reduced ? plan.reduced : plan.kept, extent, stride);
    }
    stride *= extent;
  }
  return plan;
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

// out[k] = sum over rows r of x[offsets[r] + k] for k in 0..n-1; few rows.
void set_rows(real* out, const real* x, const int64* offsets, int64 rows, int64 n) {
  int64 r = 0;
  if (rows >= 4) {
    const real *a = x + offsets[0], *b = x + offsets[1], *c = x + offsets[2], *d = x + offsets[3];
    for (int64 k = 0; k < n; ++k) out[k] = (a[k] + b[k]) + (c[k] + d[k]);
    r = 4;
  } else {
    std::fill_n(out, n, real{0});
  }
  for (; r + 4 <= rows; r += 4) {
    const real *a = x + offsets[r], *b = x + offsets[r + 1], *c = x + offsets[r + 2], *d = x + offsets[r + 3];
    for (int64 k = 0; k < n; ++k) out[k] += (a[k] + b[k]) + (c[k] + d[k]);
  }
  for (; r < rows; ++r) {
    const real* a = x + offsets[r];
    for (int64 k = 0; k < n; ++k) out[k] += a[k];
  }
}

constexpr int64 kColumns = 1024;   // worked on at a time, they stay in the first-level cache
constexpr int64 kRowsAtOnce = 32;  // taken up in `real`, before their sum goes to double

// The same for any number of rows and n <= kColumns, into or onto doubles.
void add_rows(double* out, const real* x, const int64* offsets, int64 rows, int64 n) {
  std::array<real, kColumns> some;
  for (int64 r = 0; r < rows; r += kRowsAtOnce) {
    set_rows(some.data(), x, offsets + r, std::min(kRowsAtOnce, rows - r), n);
    for (int64 k = 0; k < n; ++k) out[k] += static_cast<double>(some[static_cast<size_t>(k)]);
  }
}

// Column sums: for each kept position the runs at all reduced positions are added up. Long columns are cut
// into blocks of rows whose partial sums are added in order.
void sum_columns(const Plan& plan, const real* x, real* out) {
  const int64 rows = static_cast<int64>(plan.reduced.size()), kept = static_cast<int64>(plan.kept.size());
  const int64 n = plan.run, columns = kept * n;
  const int64 blocks = columns >= 8192 ? 1 : std::clamp<int64>(rows * n / 16384, 1, 64);
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
                     set_rows(out + k * n + column, at, offsets, rows, size);
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

real sum_row(const real* x, int64 n) {
  if (n <= kBlock) return sum_block(x, n);
  double total = 0;
  for (int64 i = 0; i < n; i += kBlock) total += sum_block(x + i, std::min(kBlock, n - i));
  return static_cast<real>(total);
}

Tensor sum(const Tensor& x, AxisMask axes, const Shape& out) {
  if (x.numel() == 0) return Tensor::zeros(out);
  const Plan plan = plan_for(x.shape(), axes);
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

Tensor extremum(const Tensor& x, AxisMask axes, const Shape& out, bool largest, IntTensor* index) {
  if (x.numel() == 0 && out.numel() > 0)
    fail<ShapeError>("{}: nothing to choose from in shape {}", largest ? "max" : "min", x.shape().str());
  Tensor y(out);
  if (index) *index = IntTensor(out);
  if (out.numel() == 0) return y;
  const Plan plan = plan_for(x.shape(), axes);
  const real* a = x.data();
  real* o = y.mutable_data();
  int64* where = index ? index->mutable_data() : nullptr;
  const int64 kept = static_cast<int64>(plan.kept.size()), rows = static_cast<int64>(plan.reduced.size());
  // NaN is better than any number, and the first NaN than those behind it.
  const auto better = [largest](real v, real best) {
    return (largest ? !(v <= best) : !(v >= best)) && best == best;
  };
  if (plan.run_reduced) {
    parallel_for(kept, kParallelGrain / (rows * plan.run) + 1, [&](int64 begin, int64 end) {
      for (int64 k = begin; k < end; ++k) {
        const int64 base = plan.kept[static_cast<size_t>(k)];
        int64 at = base;
        for (int64 r : plan.reduced)
          for (int64 i = base + r; i < base + r + plan.run; ++i)
            if (better(a[i], a[at])) at = i;
        o[k] = a[at];
        if (where) where[k] = at;
      }
    });
    return y;
  }
  parallel_for(kept, kParallelGrain / (rows * plan.run) + 1, [&](int64 begin, int64 end) {
    std::vector<int64> at(static_cast<size_t>(plan.run));
    for (int64 k = begin; k < end; ++k) {
      const int64 base = plan.kept[static_cast<size_t>(k)];
      for (int64 i = 0; i < plan.run; ++i) at[static_cast<size_t>(i)] = base + i;
      for (int64 r : plan.reduced)
        for (int64 i = 0; i < plan.run; ++i)
          if (better(a[base + r + i], a[at[static_cast<size_t>(i)]]))
            at[static_cast<size_t>(i)] = base + r + i;
      for (int64 i = 0; i < plan.run; ++i) {
        o[k * plan.run + i] = a[at[static_cast<size_t>(i)]];
        if (where) where[k * plan.run + i] = at[static_cast<size_t>(i)];
      }
    }
  });
  return y;
}

Tensor logsumexp(const Tensor& x, AxisMask axes, const Shape& out) {
  if (x.numel() == 0) return Tensor::full(out, -std::numeric_limits<real>::infinity());
  const Plan plan = plan_for(x.shape(), axes);
  Tensor y = extremum(x, axes, out, true, nullptr);
  const real* a = x.data();
  real* o = y.mutable_data();
  const int64 run = plan.run_reduced ? 1 : plan.run, inner = plan.run_reduced ? plan.run : 1;
  const int64 rows = static_cast<int64>(plan.reduced.size());
  parallel_for(y.numel(), kParallelGrain / (16 * rows * inner) + 1, [&](int64 begin, int64 end) {
    for (int64 k = begin; k < end; ++k) {
      const real* at = a + plan.kept[static_cast<size_t>(k / run)] + k % run;
      const real top = std::isfinite(o[k]) ? o[k] : 0;  // all -inf, or some +inf: no shift helps
      double total = 0;
      for (int64 r : plan.reduced)
        total += blocked_sum(inner, [=](int64 i) { return vmath::exp(at[r + i] - top); });
      o[k] = static_cast<real>(std::log(total)) + top;
    }
  });
  return y;
}

Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  Tensor y(x.shape());
  if (x.numel() == 0) return y;
  const int64 n = x.dim(axis), inner = x.shape().stride(axis), outer = x.numel() / (n * inner);
  const real* a = x.data();
  real* o = y.mutable_data();
  const int64 chunks = (inner + kColumns - 1) / kColumns;
  parallel_for(outer * chunks, kParallelGrain / (n * std::min(inner, kColumns)) + 1,
               [=](int64 begin, int64 end) {
                 std::array<double, kColumns> sums;
                 for (int64 task = begin; task < end; ++task) {
                   const int64 column = task % chunks * kColumns, size = std::min(kColumns, inner - column);
                   const int64 at = task / chunks * n * inner + column;
                   if (size == 1) {
                     double running = 0;
                     for (int64 j = 0; j < n; ++j) {
                       const int64 i = at + (reverse ? n - 1 - j : j) * inner;
                       running += static_cast<double>(a[i]);
                       o[i] = static_cast<real>(running);
                     }
                     continue;
                   }
                   std::fill_n(sums.data(), size, 0.0);
                   for (int64 j = 0; j < n; ++j) {
                     const int64 row = at + (reverse ? n - 1 - j : j) * inner;
                     for (int64 i = 0; i < size; ++i) {
                       sums[static_cast<size_t>(i)] += static_cast<double>(a[row + i]);
                       o[row + i] = static_cast<real>(sums[static_cast<size_t>(i)]);
                     }
                   }
                 }
               });
  return y;
}

}  // namespace kernels
}  // namespace gradus
