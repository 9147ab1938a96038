#include "core/kernels/shape.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/allocator.h"
#include "core/threads.h"

namespace gradus::kernels {
namespace {

// A walk over a row-major tensor of which the other side is strided. Axes of extent 1 are gone and
// neighbours that continue each other are merged.
struct Walk {
  int rank = 0;
  std::array<int64, Shape::kMaxRank> dims{}, strides{};

  Walk(const Shape& shape, const std::vector<int64>& s) {
    for (int i = 0; i < shape.rank(); ++i) {
      const int64 extent = shape[i], stride = s[static_cast<size_t>(i)];
      if (extent == 1) continue;
      const auto last = static_cast<size_t>(rank - 1);
      if (rank > 0 && strides[last] == stride * extent) {
        dims[last] *= extent;
        strides[last] = stride;
      } else {
        dims[static_cast<size_t>(rank)] = extent;
        strides[static_cast<size_t>(rank++)] = stride;
      }
    }
    if (rank == 0) dims[0] = 1, strides[0] = 1, rank = 1;
  }
  int64 dim(int i) const { return dims[static_cast<size_t>(i)]; }
  int64 stride(int i) const { return strides[static_cast<size_t>(i)]; }
  int64 offset(int64 index, int axes) const {  // of a flat position over the first `axes` axes
    int64 at = 0;
    for (int i = axes - 1; i >= 0; --i) {
      at += index % dim(i) * stride(i);
      index /= dim(i);
    }
    return at;
  }
};

// Calls row(dense position, strided offset) for every run of the last axis.
template <class Row>
void for_rows(const Walk& w, int64 numel, const Row& row) {
  const int64 n = w.dim(w.rank - 1);
  parallel_for(numel / n, kParallelGrain / n + 1, [&](int64 begin, int64 end) {
    for (int64 r = begin; r < end; ++r) row(r * n, w.offset(r, w.rank - 1));
  });
}

// The last two axes of the walk, when the strided side is contiguous along the first of them: square tiles, so
// that both sides use whole cache lines.
void transpose_tiles(const Walk& w, int64 numel, const real* from, real* to) {
  constexpr int64 kTile = 16;
  const int64 rows = w.dim(w.rank - 2), cols = w.dim(w.rank - 1), step = w.stride(w.rank - 1);
  const int64 bands = (rows + kTile - 1) / kTile;
  parallel_for(
      numel / (rows * cols) * bands, kParallelGrain / (kTile * cols) + 1, [&](int64 begin, int64 end) {
        for (int64 task = begin; task < end; ++task) {
          const int64 matrix = task / bands, i0 = task % bands * kTile, i1 = std::min(rows, i0 + kTile);
          const real* a = from + w.offset(matrix, w.rank - 2);
          real* o = to + matrix * rows * cols;
          for (int64 j0 = 0; j0 < cols; j0 += kTile) {
            const int64 j1 = std::min(cols, j0 + kTile);
            for (int64 i = i0; i < i1; ++i)
              for (int64 j = j0; j < j1; ++j) o[i * cols + j] = a[j * step + i];
          }
        }
      });
}

struct Lanes {  // x as (outer, extent, inner) around an axis
  int64 outer, extent, inner;
  Lanes(const Shape& s, int axis) : extent(s[axis]), inner(s.stride(axis)) {
    outer = 1;
    for (int i = 0; i < axis; ++i) outer *= s[i];
  }
};

Shape with_extent(const Shape& s, int axis, int64 extent) {
  std::vector<int64> dims(s.begin(), s.end());
  dims[static_cast<size_t>(axis)] = extent;
  return Shape(dims);
}

constexpr int64 kFewAdditions = 16;

// Whether some of `size` places is named more than kFewAdditions times: their sums are then formed in double.
bool crowded(const int64* id, int64 n, int64 size) {
  if (n <= kFewAdditions) return false;
  std::vector<std::uint8_t> times(static_cast<size_t>(size));
  for (int64 i = 0; i < n; ++i)
    if (++times[static_cast<size_t>(id[i])] > kFewAdditions) return true;
  return false;
}

// add(sums) adds to zeros of the shape of y: to y itself or, in double, to numbers that become y.
template <class Add>
Tensor accumulated(const Shape& shape, bool wide, const Add& add) {
  Tensor y = Tensor::zeros(shape);
  if (!wide) {
    add(y.mutable_data());
    return y;
  }
  const size_t bytes = static_cast<size_t>(y.numel()) * sizeof(double);
  const auto give_back = [bytes](double* block) { deallocate(block, bytes); };
  const std::unique_ptr<double, decltype(give_back)> sums(static_cast<double*>(allocate(bytes)), give_back);
  std::fill_n(sums.get(), y.numel(), 0.0);
  add(sums.get());
  std::copy_n(sums.get(), y.numel(), y.mutable_data());
  return y;
}

}  // namespace

std::vector<int64> strides_of(const Shape& shape) {
  std::vector<int64> strides(static_cast<size_t>(shape.rank()));
  int64 s = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = s;
    s *= shape[i];
  }
  return strides;
}

Tensor strided_read(const Tensor& x, const Shape& out, const std::vector<int64>& strides, int64 offset) {
  Tensor y(out);
  if (y.numel() == 0) return y;
  const Walk w(out, strides);
  const real* a = x.data() + offset;
  real* o = y.mutable_data();
  const int64 n = w.dim(w.rank - 1), step = w.stride(w.rank - 1);
  if (step != 0 && step != 1 && w.rank >= 2 && w.stride(w.rank - 2) == 1) {
    transpose_tiles(w, y.numel(), a, o);
  } else {
    for_rows(w, y.numel(), [=](int64 dense, int64 at) {
      if (step == 1) {
        std::copy_n(a + at, n, o + dense);
      } else if (step == 0) {
        std::fill_n(o + dense, n, a[at]);
      } else {
        for (int64 i = 0; i < n; ++i) o[dense + i] = a[at + i * step];
      }
    });
  }
  return y;
}

Tensor strided_write(const Tensor& x, const Shape& out, const std::vector<int64>& strides, int64 offset,
                     real fill) {
  Tensor y = Tensor::full(out, fill);
  if (x.numel() == 0) return y;
  const Walk w(x.shape(), strides);
  const real* a = x.data();
  real* o = y.mutable_data() + offset;
  const int64 n = w.dim(w.rank - 1), step = w.stride(w.rank - 1);
  for_rows(w, x.numel(), [=](int64 dense, int64 at) {
    for (int64 i = 0; i < n; ++i) o[at + i * step] = a[dense + i];
  });
  return y;
}

Tensor index_select(const Tensor& x, int axis, const IntTensor& index) {
  const Lanes l(x.shape(), axis);
  const int64 n = index.numel();
  Tensor y(with_extent(x.shape(), axis, n));
  const real* a = x.data();
  real* o = y.mutable_data();
  const int64* id = index.data();
  parallel_for(l.outer * n, kParallelGrain / (l.inner + 1) + 1, [=](int64 begin, int64 end) {
    for (int64 k = begin; k < end; ++k)
      std::copy_n(a + (k / n * l.extent + id[k % n]) * l.inner, l.inner, o + k * l.inner);
  });
  return y;
}

Tensor scatter_add(const Tensor& x, int axis, const IntTensor& index, int64 size) {
  const Lanes l(x.shape(), axis);
  const int64 n = index.numel();
  const real* a = x.data();
  const int64* id = index.data();
  return accumulated(with_extent(x.shape(), axis, size), crowded(id, n, size), [&](auto* o) {
    const auto add = [=](int64 outer, int64 from, int64 to) {
      for (int64 j = 0; j < n; ++j) {
        auto* to_row = o + (outer * size + id[j]) * l.inner;
        const real* row = a + (outer * n + j) * l.inner;
        for (int64 i = from; i < to; ++i) to_row[i] += row[i];
      }
    };
    if (l.outer == 1) {  // threads share the columns, because several j may hit one row
      parallel_for(l.inner, kParallelGrain / (n + 1) + 16, [=](int64 from, int64 to) { add(0, from, to); });
    } else {
      parallel_for(l.outer, kParallelGrain / (n * l.inner + 1) + 1, [=](int64 begin, int64 end) {
        for (int64 outer = begin; outer < end; ++outer) add(outer, 0, l.inner);
      });
    }
  });
}

Tensor gather(const Tensor& x, int axis, const IntTensor& index) {
  const Lanes l(x.shape(), axis);
  Tensor y(index.shape());
  const int64 n = index.dim(axis);
  const real* a = x.data();
  real* o = y.mutable_data();
  const int64* id = index.data();
  parallel_for(l.outer, kParallelGrain / (n * l.inner + 1) + 1, [=](int64 begin, int64 end) {
    for (int64 at = begin * n * l.inner, b = begin; b < end; ++b)
      for (int64 j = 0; j < n; ++j)
        for (int64 i = 0; i < l.inner; ++i, ++at) o[at] = a[(b * l.extent + id[at]) * l.inner + i];
  });
  return y;
}

Tensor gather_adjoint(const Tensor& x, int axis, const IntTensor& index, int64 size) {
  const Lanes l(x.shape(), axis);
  const real* a = x.data();
  const int64* id = index.data();
  return accumulated(with_extent(x.shape(), axis, size), l.extent > kFewAdditions, [&](auto* o) {
    parallel_for(l.outer, kParallelGrain / (l.extent * l.inner + 1) + 1, [=](int64 begin, int64 end) {
      for (int64 at = begin * l.extent * l.inner, b = begin; b < end; ++b)
        for (int64 j = 0; j < l.extent; ++j)
          for (int64 i = 0; i < l.inner; ++i, ++at) o[(b * size + id[at]) * l.inner + i] += a[at];
    });
  });
}

Tensor take(const Tensor& x, const IntTensor& index) {
  Tensor y(index.shape());
  const real* a = x.data();
  real* o = y.mutable_data();
  const int64* id = index.data();
  parallel_for(y.numel(), kParallelGrain, [=](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) o[i] = a[id[i]];
  });
  return y;
}

Tensor put_add(const Tensor& x, const IntTensor& index, const Shape& out) {
  const real* a = x.data();
  const int64 *id = index.data(), n = x.numel();
  return accumulated(out, n > kFewAdditions, [=](auto* sums) {
    for (int64 i = 0; i < n; ++i) sums[id[i]] += a[i];
  });
}

}  // namespace gradus::kernels
