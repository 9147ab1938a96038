#include "core/kernels/pool.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "core/kernels/blocked_sum.h"
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

// What max pooling gives beside the largest numbers: where they stood, and what their tangents were. Null: not wanted.
struct Beside {
  int64* index;
  const real* dx;
  real* dy;
};

void max_plane(const real* x, int64 h, int64 w, const PoolSpec& s, int64 oh, int64 ow, real* y,
               const Beside& beside) {
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
      if (beside.index) beside.index[r * ow + q] = best;
      if (beside.dx) beside.dy[r * ow + q] = beside.dx[best];
    }
  }
}

// Rows top and bottom of 2x2 windows, n <= kLanes of them, as four vectors; `left` numbers from bottom on may be read.
struct Corners {
  Lanes up0, up1, low0, low1;
  Corners(const real* top, const real* bottom, int64 n, int64 left) {
    real edge[4 * kLanes];
    if (left < 2 * kLanes) {
      std::fill_n(edge, 4 * kLanes, real{0});
      std::copy_n(top, 2 * n, edge);
      std::copy_n(bottom, 2 * n, edge + 2 * kLanes);
      top = edge, bottom = edge + 2 * kLanes;
    }
    up0 = load(top), up1 = load(top + kLanes), low0 = load(bottom), low1 = load(bottom + kLanes);
  }
};

// n <= kLanes numbers to where `left` may be written.
void store_part(real* to, const Lanes& v, int64 n, int64 left) {
  if (left >= kLanes) return store(to, v);
  real part[kLanes];
  store(part, v);
  std::copy_n(part, n, to);
}

// The same for 2x2 windows side by side without padding, kLanes windows at a time. Which of four numbers is largest
// cannot be predicted, so branches would cost more than all the rest. Where the plane goes on, whole vectors are read
// and written past the end of a row: what lies there is written when its turn comes.
void max_plane_2x2(const real* x, int64 h, int64 w, int64 oh, int64 ow, real* y, const Beside& beside) {
  using Numbers = decltype(Lanes{} > Lanes{});  // integers as wide as real
  for (int64 r = 0; r < oh; ++r)
    for (int64 q = 0; q < ow; q += kLanes) {
      const int64 n = std::min<int64>(kLanes, ow - q), out = r * ow + q;
      const int64 top = 2 * r * w + 2 * q, bottom = top + w;
      const Corners v(x + top, x + bottom, n, h * w - bottom);
      Lanes best = evens(v.up0, v.up1);
      Numbers at{};
      // `next` wins over what came before if it is larger, or NaN where that is not.
      const auto offer = [&](const Lanes& next, int64 place) {
        const Numbers wins = (next > best) | ((next != next) & (best == best));
        best = wins ? next : best;
        at = wins ? Numbers{} + static_cast<std::remove_reference_t<decltype(at[0])>>(place) : at;
        return wins;
      };
      const Numbers second = offer(odds(v.up0, v.up1), 1), third = offer(evens(v.low0, v.low1), w),
                    fourth = offer(odds(v.low0, v.low1), w + 1);
      store_part(y + out, best, n, oh * ow - out);
      for (int64 i = 0; beside.index && i < n; ++i) beside.index[out + i] = (top + 2 * i) + at[i];
      if (!beside.dx) continue;
      const Corners t(beside.dx + top, beside.dx + bottom, n, h * w - bottom);
      Lanes along = second ? odds(t.up0, t.up1) : evens(t.up0, t.up1);
      along = third ? evens(t.low0, t.low1) : along;
      along = fourth ? odds(t.low0, t.low1) : along;
      store_part(beside.dy + out, along, n, oh * ow - out);
    }
}

Tensor max_pool(const Tensor& x, const PoolSpec& spec, const Shape& out, const Beside& beside) {
  Tensor y(out);
  const int64 h = x.dim(2), w = x.dim(3), oh = out[2], ow = out[3];
  const real* px = x.data();
  real* py = y.mutable_data();
  const bool side_by_side = spec == pool_spec(2);
  parallel_for(out[0] * out[1], plane_grain(h * w), [&](int64 begin, int64 end) {
    for (int64 p = begin; p < end; ++p) {
      const Beside here{beside.index ? beside.index + p * oh * ow : nullptr,
                        beside.dx ? beside.dx + p * h * w : nullptr,
                        beside.dy ? beside.dy + p * oh * ow : nullptr};
      if (side_by_side)
        max_plane_2x2(px + p * h * w, h, w, oh, ow, py + p * oh * ow, here);
      else
        max_plane(px + p * h * w, h, w, spec, oh, ow, py + p * oh * ow, here);
    }
  });
  return y;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolSpec& spec, IntTensor* index) {
  const Shape out = pool2d_shape(x.shape(), spec, "max_pool2d");
  if (index) *index = IntTensor(out);
  return max_pool(x, spec, out, {index ? index->mutable_data() : nullptr, nullptr, nullptr});
}

PoolDual max_pool2d_dual(const Tensor& x, const Tensor& dx, const PoolSpec& spec) {
  const Shape out = pool2d_shape(x.shape(), spec, "max_pool2d");
  if (!(dx.shape() == x.shape()))
    fail<ShapeError>("max_pool2d_dual: x {} along {}", x.shape().str(), dx.shape().str());
  Tensor dy(out);
  return {max_pool(x, spec, out, {nullptr, dx.data(), dy.mutable_data()}), dy};
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
  const real count = static_cast<real>(spec.kernel_h * spec.kernel_w);
  const real* px = x.data();
  real* py = y.mutable_data();
  parallel_for(out[0] * out[1], plane_grain(h * w), [&](int64 begin, int64 end) {
    for (int64 p = begin; p < end; ++p)
      for (int64 r = 0; r < oh; ++r) {
        const Window rows = window(r, spec.stride_h, spec.pad_h, spec.kernel_h, h);
        for (int64 q = 0; q < ow; ++q) {
          const Window cols = window(q, spec.stride_w, spec.pad_w, spec.kernel_w, w);
          const int64 wide = cols.last - cols.first, high = rows.last - rows.first;
          const real* at = px + p * h * w + rows.first * w + cols.first;
          double sum = 0;
          if (wide == w) {  // whole rows, as in pooling over all of a plane
            sum = static_cast<double>(blocked_sum(high * w, [=](int64 i) { return at[i]; }));
          } else {
            for (int64 i = 0; i < high; ++i)
              for (int64 j = 0; j < wide; ++j) sum += static_cast<double>(at[i * w + j]);
          }
          py[(p * oh + r) * ow + q] = static_cast<real>(sum) / count;
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
  const real count = static_cast<real>(spec.kernel_h * spec.kernel_w);
  const real* pg = g.data();
  real* px = dx.mutable_data();
  parallel_for(out[0] * out[1], plane_grain(h * w), [&](int64 begin, int64 end) {
    std::fill(px + begin * h * w, px + end * h * w, real{0});
    for (int64 p = begin; p < end; ++p)
      for (int64 r = 0; r < oh; ++r) {
        const Window rows = window(r, spec.stride_h, spec.pad_h, spec.kernel_h, h);
        for (int64 q = 0; q < ow; ++q) {
          const Window cols = window(q, spec.stride_w, spec.pad_w, spec.kernel_w, w);
          const real share = pg[(p * oh + r) * ow + q] / count;
          for (int64 i = rows.first; i < rows.last; ++i)
            for (int64 j = cols.first; j < cols.last; ++j) px[p * h * w + i * w + j] += share;
        }
      }
  });
  return dx;
}

}  // namespace kernels
}  // namespace gradus
