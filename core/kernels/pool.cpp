#include "core/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "core/kernels/lanes.h"
#include "core/threads.h"

namespace gradus {

Shape pool2d_shape(const Shape& x, const PoolSpec& s, const char* op) {
  const auto complain = [&](const char* why) {
    fail<ShapeError>("{}: input {} with kernel {}x{}, stride {}x{}, pad {}x{}: {}", op, x.str(), s.kernel_h,
                     s.kernel_w, s.stride_h, s.stride_w, s.pad_h, s.pad_w, why);
  };
  if (x.rank() != 4) complain("the input must have 4 axes (N,C,H,W)");
  if (s.kernel_h < 1 || s.kernel_w < 1 || s.stride_h < 1 || s.stride_w < 1 || s.pad_h < 0 || s.pad_w < 0)
    complain("kernel and stride must be at least 1, pad at least 0");
  // More padding would make windows without any element of the input.
  if (2 * s.pad_h > s.kernel_h || 2 * s.pad_w > s.kernel_w) complain("pad must be at most half the kernel");
  if (x[2] + 2 * s.pad_h < s.kernel_h || x[3] + 2 * s.pad_w < s.kernel_w || x[2] == 0 || x[3] == 0)
    complain("the kernel is larger than the padded input");
  return {x[0], x[1], (x[2] + 2 * s.pad_h - s.kernel_h) / s.stride_h + 1,
          (x[3] + 2 * s.pad_w - s.kernel_w) / s.stride_w + 1};
}

namespace kernels {
namespace {

// Window of one output along one axis, cut to the input.
struct Window {
  int64 first, last;
};
Window window(int64 out, int64 stride, int64 pad, int64 kernel, int64 in) {
  const int64 first = out * stride - pad;
  return {std::max<int64>(0, first), std::min(in, first + kernel)};
}

int64 plane_grain(int64 elements) {
  return std::max<int64>(1, kParallelGrain / std::max<int64>(1, elements));
}

void max_plane(const real* x, int64 h, int64 w, const PoolSpec& s, int64 oh, int64 ow, real* y,
               int64* index) {
  for (int64 r = 0; r < oh; ++r) {
    const Window rows = window(r, s.stride_h, s.pad_h, s.kernel_h, h);
    for (int64 q = 0; q < ow; ++q) {
      const Window cols = window(q, s.stride_w, s.pad_w, s.kernel_w, w);
      int64 best = rows.first * w + cols.first;
      for (int64 i = rows.first; i < rows.last; ++i)
        for (int64 j = cols.first; j < cols.last; ++j) {
          const real v = x[i * w + j];
          if (v > x[best] || (std::isnan(v) && !std::isnan(x[best]))) best = i * w + j;
        }
      y[r * ow + q] = x[best];
      if (index) index[r * ow + q] = best;
    }
  }
}

// The same for 2x2 windows side by side without padding, kLanes windows at a time; `index` may be null. Which of
// four numbers is largest cannot be predicted, so branches would cost more than all the rest. Where the plane goes on,
// whole vectors are read and written past the end of a row: what lies there is written when its turn comes.
void max_plane_2x2(const real* x, int64 h, int64 w, int64 oh, int64 ow, real* y, int64* index) {
  using Numbers = decltype(Lanes{} > Lanes{});  // integers as wide as real
  const real *const x_end = x + h * w, *const y_end = y + oh * ow;
  for (int64 r = 0; r < oh; ++r, y += ow) {
    const real *top = x + 2 * r * w, *bottom = top + w;
    for (int64 q = 0; q < ow; q += kLanes) {
      const int64 n = std::min<int64>(kLanes, ow - q);
      real edge[4 * kLanes], largest[kLanes];
      const real *upper = top + 2 * q, *lower = bottom + 2 * q;
      if (x_end - lower < 2 * kLanes) {
        std::fill_n(edge, 4 * kLanes, real{0});
        upper = std::copy_n(upper, 2 * n, edge) - 2 * n;
        lower = std::copy_n(lower, 2 * n, edge + 2 * kLanes) - 2 * n;
      }
      const Lanes up0 = load(upper), up1 = load(upper + kLanes), low0 = load(lower),
                  low1 = load(lower + kLanes);
      Lanes best = evens(up0, up1);
      Numbers at{};
      // `next` wins over what came before if it is larger, or NaN where that is not.
      const auto offer = [&](const Lanes& next, int64 place) {
        const Numbers wins = (next > best) | ((next != next) & (best == best));
        best = wins ? next : best;
        at = wins ? Numbers{} + static_cast<std::remove_reference_t<decltype(at[0])>>(place) : at;
      };
      offer(odds(up0, up1), 1);
      offer(evens(low0, low1), w);
      offer(odds(low0, low1), w + 1);
      if (y_end - (y + q) >= kLanes) {
        store(y + q, best);
      } else {
        store(largest, best);
        std::copy_n(largest, n, y + q);
      }
      for (int64 i = 0; index && i < n; ++i) index[r * ow + q + i] = (2 * r * w + 2 * (q + i)) + at[i];
    }
  }
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolSpec& spec, IntTensor* index) {
  const Shape out = pool2d_shape(x.shape(), spec, "max_pool2d");
  Tensor y(out);
  if (index) *index = IntTensor(out);
  const int64 h = x.dim(2), w = x.dim(3), oh = out[2], ow = out[3];
  const real* px = x.data();
  real* py = y.mutable_data();
  int64* pi = index ? index->mutable_data() : nullptr;
  parallel_for(out[0] * out[1], plane_grain(h * w), [&](int64 begin, int64 end) {
    if (spec == pool_spec(2)) {
      for (int64 p = begin; p < end; ++p)
        max_plane_2x2(px + p * h * w, h, w, oh, ow, py + p * oh * ow, pi ? pi + p * oh * ow : nullptr);
      return;
    }
    for (int64 p = begin; p < end; ++p)
      max_plane(px + p * h * w, h, w, spec, oh, ow, py + p * oh * ow, pi ? pi + p * oh * ow : nullptr);
  });
  return y;
}

Tensor max_pool2d_grad(const Tensor& g, const IntTensor& index, const Shape& x_shape) {
  if (!(g.shape() == index.shape()) || x_shape.rank() != 4 || g.rank() != 4 || g.dim(0) != x_shape[0] ||
      g.dim(1) != x_shape[1])
    fail<ShapeError>("max_pool2d_grad: gradient {} and index {} for input {}", g.shape().str(),
                     index.shape().str(), x_shape.str());
  Tensor dx(x_shape);
  const int64 plane = x_shape[2] * x_shape[3], out_plane = g.dim(2) * g.dim(3);
  const real* pg = g.data();
  const int64* pi = index.data();
  real* px = dx.mutable_data();
  parallel_for(x_shape[0] * x_shape[1], plane_grain(plane), [&](int64 begin, int64 end) {
    // Cleared plane by plane, so that a plane is still near when it is added to.
    for (int64 p = begin; p < end; ++p) {
      std::fill_n(px + p * plane, plane, real{0});
      for (int64 i = p * out_plane; i < (p + 1) * out_plane; ++i) px[p * plane + pi[i]] += pg[i];
    }
  });
  return dx;
}

Tensor avg_pool2d(const Tensor& x, const PoolSpec& spec) {
  const Shape out = pool2d_shape(x.shape(), spec, "avg_pool2d");
  Tensor y(out);
  const int64 h = x.dim(2), w = x.dim(3), oh = out[2], ow = out[3];
  const real scale = real{1} / static_cast<real>(spec.kernel_h * spec.kernel_w);
  const real* px = x.data();
  real* py = y.mutable_data();
  parallel_for(out[0] * out[1], plane_grain(h * w), [&](int64 begin, int64 end) {
    for (int64 p = begin; p < end; ++p)
      for (int64 r = 0; r < oh; ++r) {
        const Window rows = window(r, spec.stride_h, spec.pad_h, spec.kernel_h, h);
        for (int64 q = 0; q < ow; ++q) {
          const Window cols = window(q, spec.stride_w, spec.pad_w, spec.kernel_w, w);
          real sum = 0;
          for (int64 i = rows.first; i < rows.last; ++i)
            for (int64 j = cols.first; j < cols.last; ++j) sum += px[p * h * w + i * w + j];
          py[(p * oh + r) * ow + q] = sum * scale;
        }
      }
  });
  return y;
}

Tensor avg_pool2d_grad(const Tensor& g, const PoolSpec& spec, const Shape& x_shape) {
  const Shape out = pool2d_shape(x_shape, spec, "avg_pool2d_grad");
  if (!(g.shape() == out))
    fail<ShapeError>("avg_pool2d_grad: gradient is {}, expected {}", g.shape().str(), out.str());
  Tensor dx(x_shape);
  const int64 h = x_shape[2], w = x_shape[3], oh = out[2], ow = out[3];
  const real scale = real{1} / static_cast<real>(spec.kernel_h * spec.kernel_w);
  const real* pg = g.data();
  real* px = dx.mutable_data();
  parallel_for(out[0] * out[1], plane_grain(h * w), [&](int64 begin, int64 end) {
    std::fill(px + begin * h * w, px + end * h * w, real{0});
    for (int64 p = begin; p < end; ++p)
      for (int64 r = 0; r < oh; ++r) {
        const Window rows = window(r, spec.stride_h, spec.pad_h, spec.kernel_h, h);
        for (int64 q = 0; q < ow; ++q) {
          const Window cols = window(q, spec.stride_w, spec.pad_w, spec.kernel_w, w);
          const real share = pg[(p * oh + r) * ow + q] * scale;
          for (int64 i = rows.first; i < rows.last; ++i)
            for (int64 j = cols.first; j < cols.last; ++j) px[p * h * w + i * w + j] += share;
        }
      }
  });
  return dx;
}

}  // namespace kernels
}  // namespace gradus
