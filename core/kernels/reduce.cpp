#include "core/kernels/reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
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

real sum_block(const real* x, int64 n) {
  constexpr int64 kLanes = 128 / sizeof(real) * 2;
  std::array<real, kLanes> lane{};
  int64 i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64 j = 0; j < kLanes; ++j) lane[static_cast<size_t>(j)] += x[i + j];
  real tail = 0;
  for (; i < n; ++i) tail += x[i];
  for (size_t width = kLanes / 2; width > 0; width /= 2)
    for (size_t j = 0; j < width; ++j) lane[j] += lane[j + width];
  return lane[0] + tail;
}

// out[k] += sum over rows r of x[offsets[r] + k] for k in 0..n-1.
void add_rows(real* out, const real* x, const int64* offsets, int64 rows, int64 n) {
  int64 r = 0;
  for (; r + 4 <= rows; r += 4) {
    const real *a = x + offsets[r], *b = x + offsets[r + 1], *c = x + offsets[r + 2], *d = x + offsets[r + 3];
    for (int64 k = 0; k < n; ++k) out[k] += (a[k] + b[k]) + (c[k] + d[k]);
  }
  for (; r < rows; ++r) {
    const real* a = x + offsets[r];
    for (int64 k = 0; k < n; ++k) out[k] += a[k];
  }
}

// Column sums: for each kept position the runs at all reduced positions are added up. Long columns are cut
// into blocks of rows whose partial sums are added in order.
void sum_columns(const Plan& plan, const real* x, real* out) {
  const int64 rows = static_cast<int64>(plan.reduced.size()), kept = static_cast<int64>(plan.kept.size());
  const int64 n = plan.run;
  const int64 blocks = kept * n >= 8192 ? 1 : std::clamp<int64>(rows * n / 16384, 1, 64);
  if (blocks > 1) {
    std::vector<real> partial(static_cast<size_t>(blocks * kept * n), real{0});
    parallel_for(blocks, 1, [&](int64 begin, int64 end) {
      for (int64 b = begin; b < end; ++b) {
        const int64 from = rows * b / blocks, to = rows * (b + 1) / blocks;
        for (int64 k = 0; k < kept; ++k)
          add_rows(partial.data() + (b * kept + k) * n, x + plan.kept[static_cast<size_t>(k)],
                   plan.reduced.data() + from, to - from, n);
      }
    });
    std::fill_n(out, kept * n, real{0});
    for (int64 b = 0; b < blocks; ++b)
      for (int64 k = 0; k < kept * n; ++k) out[k] += partial[static_cast<size_t>(b * kept * n + k)];
    return;
  }
  constexpr int64 kChunk = 1024;  // columns worked on at a time stay in the first-level cache
  const int64 chunks = (n + kChunk - 1) / kChunk;
  parallel_for(kept * chunks, kParallelGrain / (rows * std::min(n, kChunk)) + 1, [&](int64 begin, int64 end) {
    for (int64 task = begin; task < end; ++task) {
      const int64 k = task / chunks, from = task % chunks * kChunk, size = std::min(kChunk, n - from);
      real* o = out + k * n + from;
      std::fill_n(o, size, real{0});
      add_rows(o, x + plan.kept[static_cast<size_t>(k)] + from, plan.reduced.data(), rows, size);
    }
  });
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
  const auto better = [largest](real v, real best) { return largest ? v > best : v < best; };
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
      real total = 0;
      for (int64 r : plan.reduced)
        for (int64 i = 0; i < inner; ++i) total += std::exp(at[r + i] - top);
      o[k] = std::log(total) + top;
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
  parallel_for(outer, kParallelGrain / (n * inner) + 1, [=](int64 begin, int64 end) {
    for (int64 b = begin; b < end; ++b) {
      const real* from = a + b * n * inner;
      real* to = o + b * n * inner;
      for (int64 j = 0; j < n; ++j) {
        const int64 row = (reverse ? n - 1 - j : j) * inner, before = row + (reverse ? inner : -inner);
        for (int64 i = 0; i < inner; ++i) to[row + i] = from[row + i] + (j ? to[before + i] : 0);
      }
    }
  });
  return y;
}

}  // namespace kernels
}  // namespace gradus
