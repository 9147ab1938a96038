// Reductions over any set of axes.
#include "core/kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"

namespace gradus {
namespace {

AxisMask mask_of(const Tensor& x, const Axes& axes) {
  if (axes.empty()) return (AxisMask{1} << x.rank()) - 1;
  AxisMask mask = 0;
  for (int a : axes) mask |= axis_bit(x.shape().axis(a));
  return mask;
}
Attr reduce_attr(const Tensor& x, const Axes& axes, bool keep_dims, bool largest = true) {
  const AxisMask mask = mask_of(x, axes);
  return Attr::of(Reduce{mask, reduced_shape(x.shape(), mask, keep_dims), largest});
}
// A reduced tensor spread over the shape it came from.
Tensor spread(const Tensor& g, const Shape& x, AxisMask axes) {
  return broadcast_to(reshape(g, reduced_shape(x, axes, true)), x);
}

const Primitive kSum = linear_map(
    "sum", [](const Ctx& c) { return kernels::sum(c[0], c.attr<Reduce>().axes, c.attr<Reduce>().out); },
    [](const Ctx& c, const Tensor& g) { return spread(g, c.shape(0), c.attr<Reduce>().axes); });

// The derivative goes to the winner, the first one among equals.
const Primitive kExtremum{
    .name = "max",
    .forward =
        [](const Ctx& c) {
          const auto& r = c.attr<Reduce>();
          IntTensor index;
          Tensor y = kernels::extremum(c[0], r.axes, r.out, r.largest, c.recording() ? &index : nullptr);
          if (c.recording()) c.keep(index);
          return y;
        },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{put_add(g, c.kept_ints(0), c.shape(0))}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return take(t, c.kept_ints(0)); },
    .saves = kSaveNothing};

// d lse = sum softmax(x) dx, and 0 where all x are -inf.
Tensor softmax_of(const Ctx& c) {
  const Tensor lse = reshape(c.out(), reduced_shape(c.shape(0), c.attr<Reduce>().axes, true));
  const Tensor none = equal(lse, Tensor::scalar(-std::numeric_limits<real>::infinity()));
  return exp(c[0] - where(none, Tensor::scalar(0), lse));
}
const Primitive kLogSumExp{
    .name = "logsumexp",
    .forward =
        [](const Ctx& c) { return kernels::logsumexp(c[0], c.attr<Reduce>().axes, c.attr<Reduce>().out); },
    .vjp =
        [](const Ctx& c, const Tensor& g) {
          return Grads{
              mul_or_zero(reshape(g, reduced_shape(c.shape(0), c.attr<Reduce>().axes, true)), softmax_of(c))};
        },
    .jvp =
        [](const Ctx& c, int, const Tensor& t) {
          const auto& r = c.attr<Reduce>();
          return apply(kSum, {mul_or_zero(t, softmax_of(c))}, Attr::of(r));
        },
    .saves = save_input(0) | kSaveOutput};

Tensor cumsum(const Tensor& x, int axis, bool reverse);
const Primitive kCumsum = linear_map(
    "cumsum",
    [](const Ctx& c) { return kernels::cumsum(c[0], c.attr<Running>().axis, c.attr<Running>().reverse); },
    [](const Ctx& c, const Tensor& g) {
      return cumsum(g, c.attr<Running>().axis, !c.attr<Running>().reverse);
    });
Tensor cumsum(const Tensor& x, int axis, bool reverse) {
  return apply(kCumsum, {x}, Attr::of(Running{axis, reverse}));
}

int64 extent_of(const Tensor& x, AxisMask axes) {
  int64 n = 1;
  for (int i = 0; i < x.rank(); ++i)
    if (axes & axis_bit(i)) n *= x.dim(i);
  return n;
}

// What comes first in order, NaN being larger than any number: a strict weak order.
bool above(real p, real q) { return p > q || (std::isnan(p) && !std::isnan(q)); }

// Calls lane(base, stride) for every lane of an axis.
template <class Lane>
void for_lanes(const Shape& s, int axis, const Lane& lane) {
  const int64 n = s[axis], inner = s.stride(axis);
  if (s.numel() == 0) return;
  parallel_for(s.numel() / n, kParallelGrain / (16 * n) + 1, [&](int64 begin, int64 end) {
    for (int64 k = begin; k < end; ++k) lane(k / inner * n * inner + k % inner, inner);
  });
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keep_dims) {
  return apply(kSum, {x}, reduce_attr(x, axes, keep_dims));
}
Tensor mean(const Tensor& x, const Axes& axes, bool keep_dims) {
  return sum(x, axes, keep_dims) / static_cast<real>(extent_of(x, mask_of(x, axes)));
}
Tensor max(const Tensor& x, const Axes& axes, bool keep_dims) {
  return apply(kExtremum, {x}, reduce_attr(x, axes, keep_dims, true));
}
Tensor min(const Tensor& x, const Axes& axes, bool keep_dims) {
  return apply(kExtremum, {x}, reduce_attr(x, axes, keep_dims, false));
}
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keep_dims) {
  return apply(kLogSumExp, {x}, reduce_attr(x, axes, keep_dims));
}
Tensor var(const Tensor& x, const Axes& axes, bool keep_dims, int correction) {
  const int64 n = extent_of(x, mask_of(x, axes));
  return sum(square(x - mean(x, axes, true)), axes, keep_dims) / static_cast<real>(n - correction);
}
Tensor norm(const Tensor& x, const Axes& axes, bool keep_dims) {
  return sqrt(sum(square(x), axes, keep_dims));
}
Tensor cumsum(const Tensor& x, int axis) { return cumsum(x, x.shape().axis(axis), false); }

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const Shape& from = x.shape();
  if (!(broadcast(from, shape, "sum_to") == from))
    fail<ShapeError>("sum_to: {} is not a broadcast of {}", from.str(), shape.str());
  AxisMask axes = 0;
  for (int i = 0; i < from.rank(); ++i) {
    const int own = i - (from.rank() - shape.rank());
    if (own < 0 || shape[own] != from[i]) axes |= axis_bit(i);
  }
  if (axes == 0) return reshape(x, shape);
  return apply(kSum, {x}, Attr::of(Reduce{axes, shape}));
}

IntTensor argmax(const Tensor& x, int axis) {
  const int a = x.shape().axis(axis);
  const Shape out = reduced_shape(x.shape(), axis_bit(a), false);
  if (x.dim(a) == 0) fail<ShapeError>("argmax: nothing to choose from in shape {}", x.shape().str());
  IntTensor index(out);
  const real* v = x.data();
  const int64 n = x.dim(a), inner = x.shape().stride(a);
  int64* o = index.mutable_data();
  for_lanes(x.shape(), a, [=](int64 base, int64 stride) {
    int64 best = 0;
    for (int64 j = 1; j < n; ++j)
      if (above(v[base + j * stride], v[base + best * stride])) best = j;
    o[base / (n * inner) * inner + base % inner] = best;
  });
  return index;
}

IntTensor argsort(const Tensor& x, int axis, bool descending) {
  const int a = x.shape().axis(axis);
  IntTensor index(x.shape());
  const real* v = x.data();
  const int64 n = x.dim(a);
  int64* o = index.mutable_data();
  for_lanes(x.shape(), a, [=](int64 base, int64 stride) {
    std::vector<int64> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64{0});
    std::stable_sort(order.begin(), order.end(), [&](int64 i, int64 j) {
      const real p = v[base + i * stride], q = v[base + j * stride];
      return descending ? above(p, q) : above(q, p);
    });
    for (int64 j = 0; j < n; ++j) o[base + j * stride] = order[static_cast<size_t>(j)];
  });
  return index;
}

std::pair<Tensor, IntTensor> sort(const Tensor& x, int axis, bool descending) {
  IntTensor order = argsort(x, axis, descending);
  return {gather(x, axis, order), order};
}

std::pair<Tensor, IntTensor> topk(const Tensor& x, int64 k, int axis) {
  const int a = x.shape().axis(axis);
  const int64 n = x.dim(a), inner = x.shape().stride(a);
  if (k < 0 || k > n)
    fail<ShapeError>("topk: k = {} is not in 0..{}, the extent of axis {} of {}", k, n, a, x.shape().str());
  std::vector<int64> dims(x.shape().begin(), x.shape().end());
  dims[static_cast<size_t>(a)] = k;
  IntTensor index{Shape(dims)};
  const real* v = x.data();
  int64* o = index.mutable_data();
  for_lanes(x.shape(), a, [=](int64 base, int64 stride) {
    std::vector<int64> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64{0});
    std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64 i, int64 j) {
      const real p = v[base + i * stride], q = v[base + j * stride];
      return above(p, q) || (!above(q, p) && i < j);
    });
    for (int64 j = 0; j < k; ++j)
      o[base / (n * inner) * k * inner + j * inner + base % inner] = order[static_cast<size_t>(j)];
  });
  return {gather(x, a, index), index};
}

PrimitiveList reduce_primitives() { return {&kSum, &kExtremum, &kLogSumExp, &kCumsum}; }

}  // namespace gradus
