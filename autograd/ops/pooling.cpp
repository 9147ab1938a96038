// Pooling and resampling.
#include <algorithm>
#include <cmath>

#include "autograd/ops/attrs.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/matmul.h"

namespace gradus {
namespace {

// Max pooling passes on the winners: a linear map once the winners (kept by the forward pass) are known.
struct Winners {
  IntTensor index;  // of each output: position within its H*W plane of x
  Shape x;
};
extern const Primitive kUnpool;
const Primitive kTakeWinners = linear_map(
    "take_winners",
    [](const Ctx& c) {
      const auto& w = c.attr<Winners>();
      Tensor y(w.index.shape());
      const int64 plane = w.x[2] * w.x[3], windows = w.index.dim(2) * w.index.dim(3);
      const real* x = c[0].data();
      const int64* at = w.index.data();
      real* o = y.mutable_data();
      parallel_for(y.numel(), kParallelGrain, [=](int64 begin, int64 end) {
        for (int64 i = begin; i < end; ++i) o[i] = x[i / windows * plane + at[i]];
      });
      return y;
    },
    [](const Ctx& c, const Tensor& g) { return apply(kUnpool, {g}, Attr::of(c.attr<Winners>())); });
const Primitive kUnpool = linear_map(
    "max_unpool",
    [](const Ctx& c) { return kernels::max_pool2d_grad(c[0], c.attr<Winners>().index, c.attr<Winners>().x); },
    [](const Ctx& c, const Tensor& g) { return apply(kTakeWinners, {g}, Attr::of(c.attr<Winners>())); });

const Primitive kMaxPool{
    .name = "max_pool2d",
    .forward =
        [](const Ctx& c) {
          IntTensor index;
          Tensor y = kernels::max_pool2d(c[0], c.attr<PoolSpec>(), c.recording() ? &index : nullptr);
          if (c.recording()) c.keep(index);
          return y;
        },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          return Grads{apply(kUnpool, {g}, Attr::of(Winners{c.kept_ints(0), c.shape(0)}))};
        },
    .jvp =
        [](const Ctx& c, int, const Tensor& t) {
          return apply(kTakeWinners, {t}, Attr::of(Winners{c.kept_ints(0), c.shape(0)}));
        },
    .saves = kSaveNothing,
    .dual =
        [](const Ctx& c, std::span<const Tensor> t) {
          const kernels::PoolDual d = kernels::max_pool2d_dual(c[0], t[0], c.attr<PoolSpec>());
          return Dual{d.y, d.dy};
        }};

extern const Primitive kAvgPoolGrad;
const Primitive kAvgPool = linear_map(
    "avg_pool2d", [](const Ctx& c) { return kernels::avg_pool2d(c[0], c.attr<Averaged>().spec); },
    [](const Ctx& c, const Tensor& g) { return apply(kAvgPoolGrad, {g}, Attr::of(c.attr<Averaged>())); });
const Primitive kAvgPoolGrad = linear_map(
    "avg_pool2d_grad",
    [](const Ctx& c) {
      return kernels::avg_pool2d_grad(c[0], c.attr<Averaged>().spec, c.attr<Averaged>().x);
    },
    [](const Ctx& c, const Tensor& g) { return apply(kAvgPool, {g}, Attr::of(c.attr<Averaged>())); });

Winners winners(const Tensor& x, const PoolSpec& spec) {
  IntTensor index;
  kernels::max_pool2d(x, spec, &index);
  return {index, x.shape()};
}
void check_pooled(const char* op, const Tensor& g, const Shape& x, const PoolSpec& spec) {
  if (const Shape y = pool2d_shape(x, spec, op); !(y == g.shape()))
    fail<ShapeError>("{}: {} is not the pooled {} of x {}", op, g.shape().str(), y.str(), x.str());
}
void check_image(const char* op, const Tensor& x) {
  if (x.rank() != 4) fail<ShapeError>("{}: needs (N,C,H,W), not {}", op, x.shape().str());
}

// rows (OH,H) and cols (OW,W) are constant; y = rows x cols' on each plane.
Tensor resample(const Tensor& x, const Tensor& rows, const Tensor& cols) {
  return matmul(rows, matmul(x, cols, false, true));
}

// Output i of an adaptive pooling sees positions floor(i*in/out) .. ceil((i+1)*in/out)-1, as torch's.
struct Positions {
  int64 first, end;
};
Positions adaptive_window(int64 i, int64 out, int64 in) {
  return {i * in / out, ((i + 1) * in + out - 1) / out};
}

Tensor averaging_matrix(int64 out, int64 in) {
  Tensor m = Tensor::zeros({out, in});
  for (int64 i = 0; i < out; ++i) {
    const auto [from, to] = adaptive_window(i, out, in);
    for (int64 j = from; j < to; ++j) m.mutable_data()[i * in + j] = real(1) / static_cast<real>(to - from);
  }
  return m;
}

// Row i interpolates at (i + 1/2) in/out - 1/2, clamped to the image, as torch with align_corners = false.
Tensor interpolation_matrix(int64 out, int64 in) {
  Tensor m = Tensor::zeros({out, in});
  for (int64 i = 0; i < out; ++i) {
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    const double at = std::max(0.0, (static_cast<double>(i) + 0.5) * scale - 0.5);
    const int64 low = std::min(static_cast<int64>(at), in - 1), high = std::min(low + 1, in - 1);
    const double part = at - static_cast<double>(low);
    m.mutable_data()[i * in + low] += static_cast<real>(1 - part);
    m.mutable_data()[i * in + high] += static_cast<real>(part);
  }
  return m;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const PoolSpec& spec) {
  pool2d_shape(x.shape(), spec, "max_pool2d");
  return apply(kMaxPool, {x}, Attr::of(spec));
}
Tensor avg_pool2d(const Tensor& x, const PoolSpec& spec) {
  pool2d_shape(x.shape(), spec, "avg_pool2d");
  return apply(kAvgPool, {x}, Attr::of(Averaged{spec, x.shape()}));
}
Tensor max_pool2d_tangent(const Tensor& t, const Tensor& x, const PoolSpec& spec) {
  if (!(t.shape() == x.shape()))
    fail<ShapeError>("max_pool2d_tangent: {} for x {}", t.shape().str(), x.shape().str());
  return apply(kTakeWinners, {t}, Attr::of(winners(x, spec)));
}
Tensor max_pool2d_adjoint(const Tensor& g, const Tensor& x, const PoolSpec& spec) {
  check_pooled("max_pool2d_adjoint", g, x.shape(), spec);
  return apply(kUnpool, {g}, Attr::of(winners(x, spec)));
}
Tensor avg_pool2d_adjoint(const Tensor& g, const Shape& x, const PoolSpec& spec) {
  check_pooled("avg_pool2d_adjoint", g, x, spec);
  return apply(kAvgPoolGrad, {g}, Attr::of(Averaged{spec, x}));
}
Tensor adaptive_avg_pool2d(const Tensor& x, int64 out_h, int64 out_w) {
  check_image("adaptive_avg_pool2d", x);
  if (out_h < 1 || out_w < 1 || x.dim(2) < 1 || x.dim(3) < 1)
    fail<ShapeError>("adaptive_avg_pool2d: {} to {} x {}", x.shape().str(), out_h, out_w);
  if (out_h == 1 && out_w == 1) return mean(x, {2, 3}, true);
  if (x.dim(2) % out_h == 0 && x.dim(3) % out_w == 0) {
    const int64 h = x.dim(2) / out_h, w = x.dim(3) / out_w;
    return avg_pool2d(x, {h, w, h, w, 0, 0});
  }
  return resample(x, averaging_matrix(out_h, x.dim(2)), averaging_matrix(out_w, x.dim(3)));
}
Tensor adaptive_max_pool2d(const Tensor& x, int64 out_h, int64 out_w) {
  check_image("adaptive_max_pool2d", x);
  const int64 h = x.dim(2), w = x.dim(3);
  if (out_h < 1 || out_w < 1 || h < 1 || w < 1)
    fail<ShapeError>("adaptive_max_pool2d: {} to {} x {}", x.shape().str(), out_h, out_w);
  IntTensor index({x.dim(0), x.dim(1), out_h, out_w});
  int64* best = index.mutable_data();
  for (const real* plane = x.data(); plane != x.data() + x.numel(); plane += h * w)
    for (int64 i = 0; i < out_h; ++i)
      for (int64 j = 0; j < out_w; ++j, ++best) {
        const auto [top, bottom] = adaptive_window(i, out_h, h);
        const auto [left, right] = adaptive_window(j, out_w, w);
        *best = top * w + left;
        for (int64 r = top; r < bottom; ++r)
          for (int64 c = left; c < right; ++c)
            if (plane[r * w + c] > plane[*best] ||
                (std::isnan(plane[r * w + c]) && !std::isnan(plane[*best])))
              *best = r * w + c;
      }
  return apply(kTakeWinners, {x}, Attr::of(Winners{index, x.shape()}));
}
Tensor upsample_nearest(const Tensor& x, int64 factor) {
  check_image("upsample_nearest", x);
  if (factor < 1) fail<ShapeError>("upsample_nearest: factor {} for {}", factor, x.shape().str());
  const int64 n = x.dim(0), c = x.dim(1), h = x.dim(2), w = x.dim(3);
  const Tensor spread = broadcast_to(reshape(x, Shape{n, c, h, 1, w, 1}), {n, c, h, factor, w, factor});
  return reshape(spread, Shape{n, c, h * factor, w * factor});
}
Tensor upsample_bilinear(const Tensor& x, int64 out_h, int64 out_w) {
  check_image("upsample_bilinear", x);
  if (out_h < 1 || out_w < 1 || x.dim(2) < 1 || x.dim(3) < 1)
    fail<ShapeError>("upsample_bilinear: {} to {} x {}", x.shape().str(), out_h, out_w);
  return resample(x, interpolation_matrix(out_h, x.dim(2)), interpolation_matrix(out_w, x.dim(3)));
}

PrimitiveList pool_primitives() { return {&kMaxPool, &kTakeWinners, &kUnpool, &kAvgPool, &kAvgPoolGrad}; }

}  // namespace gradus
