// Largest and smallest numbers along axes, where they stand, and the sums of exponentials that are taken beside the largest.
// NaN is larger and smaller than any number, and the first NaN than those behind it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/error.h"
#include "core/kernels/blocked_sum.h"
#include "core/kernels/columns.h"
#include "core/kernels/reduce.h"
#include "core/kernels/reduce_plan.h"
#include "core/kernels/vmath.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

// Whether v takes the place of `best`, which came before.
template <bool kLargest>
inline bool better(real v, real best) {
  return (kLargest ? !(v <= best) : !(v >= best)) & (best == best);
}

template <bool kLargest>
real best_of_row(const real* x, int64 n, real best) {
  constexpr int64 kWide = 4 * kLanes;
  int64 i = 0;
  if (n >= 2 * kWide) {
    std::array<real, kWide> lane;
    lane.fill(best);
    for (; i + kWide <= n; i += kWide)
      for (size_t j = 0; j < kWide; ++j) {
        const real v = x[i + static_cast<int64>(j)];
        lane[j] = better<kLargest>(v, lane[j]) ? v : lane[j];
      }
    for (const real v : lane) best = better<kLargest>(v, best) ? v : best;
  }
  for (; i < n; ++i) best = better<kLargest>(x[i], best) ? x[i] : best;
  return best;
}

// Where `value` first stands in x, n if nowhere.
int64 first_place(const real* x, int64 n, real value) {
  if (value != value) return std::find_if(x, x + n, [](real v) { return v != v; }) - x;
  return std::find(x, x + n, value) - x;
}

// The runs of kept positions begin .. end - 1, each reduced to one number.
template <bool kLargest>
void reduce_runs(const ReducePlan& plan, const real* a, int64 begin, int64 end, real* out, int64* where) {
  for (int64 k = begin; k < end; ++k) {
    const int64 base = plan.kept[static_cast<size_t>(k)];
    real best = a[base + plan.reduced[0]];
    for (int64 r : plan.reduced) best = best_of_row<kLargest>(a + base + r, plan.run, best);
    out[k] = best;
    if (!where) continue;
    for (int64 r : plan.reduced) {
      const int64 at = first_place(a + base + r, plan.run, best);
      where[k] = base + r + at;
      if (at < plan.run) break;
    }
    out[k] = a[where[k]];
  }
}

// n columns from x on: the best of each, and where it stands from x on if `where` is wanted.
template <bool kLargest>
void reduce_columns(const ReducePlan& plan, const real* x, int64 n, real* best, int64* where) {
  std::copy_n(x + plan.reduced[0], n, best);
  std::array<std::int32_t, kColumns> row{};
  for (size_t r = 1; r < plan.reduced.size(); ++r) {
    const real* v = x + plan.reduced[r];
    const auto number = static_cast<std::int32_t>(r);
    std::int32_t* chosen = row.data();
    if (where) {
#pragma omp simd
      for (int64 i = 0; i < n; ++i) {
        const bool wins = better<kLargest>(v[i], best[i]);
        best[i] = wins ? v[i] : best[i];
        chosen[i] = wins ? number : chosen[i];
      }
    } else {
#pragma omp simd
      for (int64 i = 0; i < n; ++i) best[i] = better<kLargest>(v[i], best[i]) ? v[i] : best[i];
    }
  }
  for (int64 i = 0; where && i < n; ++i)
    where[i] = plan.reduced[static_cast<size_t>(row[static_cast<size_t>(i)])] + i;
}

// body(where the columns lie in x, where in the result, how many): at most kColumns at a time.
template <class Body>
void for_columns(const ReducePlan& plan, int64 cost, const Body& body) {
  const int64 n = plan.run, chunks = (n + kColumns - 1) / kColumns;
  const int64 rows = static_cast<int64>(plan.reduced.size());
  parallel_for(static_cast<int64>(plan.kept.size()) * chunks,
               kParallelGrain / (cost * rows * std::min(n, kColumns)) + 1, [&](int64 begin, int64 end) {
                 for (int64 task = begin; task < end; ++task) {
                   const int64 k = task / chunks, column = task % chunks * kColumns;
                   body(plan.kept[static_cast<size_t>(k)] + column, k * n + column,
                        std::min(kColumns, n - column));
                 }
               });
}

template <bool kLargest>
void extrema(const ReducePlan& plan, const real* a, real* out, int64* where) {
  const int64 kept = static_cast<int64>(plan.kept.size()), rows = static_cast<int64>(plan.reduced.size());
  if (plan.run_reduced) {
    parallel_for(kept, kParallelGrain / (rows * plan.run) + 1,
                 [&](int64 begin, int64 end) { reduce_runs<kLargest>(plan, a, begin, end, out, where); });
    return;
  }
  for_columns(plan, 1, [&](int64 from, int64 to, int64 n) {
    reduce_columns<kLargest>(plan, a + from, n, out + to, where ? where + to : nullptr);
    for (int64 i = 0; where && i < n; ++i) where[to + i] += from;
  });
}

// No shift helps where all is -inf, or some +inf.
inline real shift_beside(real top) { return std::isfinite(top) ? top : 0; }

}  // namespace

Tensor extremum(const Tensor& x, AxisMask axes, const Shape& out, bool largest, IntTensor* index) {
  if (x.numel() == 0 && out.numel() > 0)
    fail<ShapeError>("{}: nothing to choose from in shape {}", largest ? "max" : "min", x.shape().str());
  Tensor y(out);
  if (index) *index = IntTensor(out);
  if (out.numel() == 0) return y;
  const ReducePlan plan(x.shape(), axes);
  int64* where = index ? index->mutable_data() : nullptr;
  if (largest)
    extrema<true>(plan, x.data(), y.mutable_data(), where);
  else
    extrema<false>(plan, x.data(), y.mutable_data(), where);
  return y;
}

Tensor logsumexp(const Tensor& x, AxisMask axes, const Shape& out) {
  if (x.numel() == 0) return Tensor::full(out, -std::numeric_limits<real>::infinity());
  const ReducePlan plan(x.shape(), axes);
  Tensor y = extremum(x, axes, out, true, nullptr);
  const real* a = x.data();
  real* o = y.mutable_data();
  if (plan.run_reduced) {
    const int64 rows = static_cast<int64>(plan.reduced.size());
    parallel_for(y.numel(), kParallelGrain / (16 * rows * plan.run) + 1, [&](int64 begin, int64 end) {
      for (int64 k = begin; k < end; ++k) {
        const real* at = a + plan.kept[static_cast<size_t>(k)];
        const real top = shift_beside(o[k]);
        double total = 0;
        for (int64 r : plan.reduced)
          total += static_cast<double>(
              blocked_sum(plan.run, [=](int64 i) { return vmath::exp(at[r + i] - top); }));
        o[k] = static_cast<real>(std::log(total)) + top;
      }
    });
    return y;
  }
  for_columns(plan, 16, [&](int64 from, int64 to, int64 n) {
    std::array<real, kColumns> top, some;
    std::array<double, kColumns> total{};
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) top[i] = shift_beside(o[to + static_cast<int64>(i)]);
    for (size_t first = 0; first < plan.reduced.size(); first += kRowsAtOnce) {
      const size_t last = std::min(plan.reduced.size(), first + kRowsAtOnce);
      std::fill_n(some.data(), n, real{0});
      for (size_t r = first; r < last; ++r) {
        const real* v = a + from + plan.reduced[r];
        real *sum = some.data(), *shift = top.data();
#pragma omp simd
        for (int64 i = 0; i < n; ++i) sum[i] += vmath::exp(v[i] - shift[i]);
      }
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) total[i] += static_cast<double>(some[i]);
    }
    for (size_t i = 0; i < static_cast<size_t>(n); ++i)
      o[to + static_cast<int64>(i)] = static_cast<real>(std::log(total[i])) + top[i];
  });
  return y;
}

}  // namespace gradus::kernels
