// Changes of shape: all linear, each with its adjoint.
#include <algorithm>

#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "core/kernels/shape.h"

namespace gradus {
namespace {

using Ints = std::vector<int64>;
size_t at(int i) { return static_cast<size_t>(i); }

const Primitive kReshape = linear_map(
    "reshape", [](const Ctx& c) { return c[0].view(c.attr<Shape>()); },
    [](const Ctx& c, const Tensor& g) { return reshape(g, c.shape(0)); });

const Primitive kPermute = linear_map(
    "permute",
    [](const Ctx& c) {
      const auto& order = c.attr<std::vector<int>>();
      const Ints from = kernels::strides_of(c.shape(0));
      Ints dims, strides;
      for (int axis : order) {
        dims.push_back(c.shape(0)[axis]);
        strides.push_back(from[at(axis)]);
      }
      return kernels::strided_read(c[0], Shape(dims), strides);
    },
    [](const Ctx& c, const Tensor& g) {
      const auto& order = c.attr<std::vector<int>>();
      std::vector<int> inverse(order.size());
      for (size_t i = 0; i < order.size(); ++i) inverse[at(order[i])] = static_cast<int>(i);
      return permute(g, inverse);
    });

const Primitive kBroadcastTo = linear_map(
    "broadcast_to",
    [](const Ctx& c) {
      const Shape &from = c.shape(0), &to = c.attr<Shape>();
      const Ints own = kernels::strides_of(from);
      Ints strides(at(to.rank()), 0);
      for (int i = 1; i <= from.rank(); ++i)
        if (from[-i] != 1) strides[at(to.rank() - i)] = own[at(from.rank() - i)];
      return kernels::strided_read(c[0], to, strides);
    },
    [](const Ctx& c, const Tensor& g) { return sum_to(g, c.shape(0)); });

// Slices and pads along all axes are each other's adjoints: x[begin + i * step] for i < count, and zeros
// of a larger shape with x at those places.
int64 window_offset(const Window& w) {
  const Ints s = kernels::strides_of(w.whole);
  int64 o = 0;
  for (size_t i = 0; i < w.begin.size(); ++i) o += w.begin[i] * s[i];
  return o;
}
Ints window_strides(const Window& w) {
  Ints s = kernels::strides_of(w.whole);
  for (size_t i = 0; i < w.step.size(); ++i) s[i] *= w.step[i];
  return s;
}
extern const Primitive kPad;
const Primitive kSlice = linear_map(
    "slice",
    [](const Ctx& c) {
      const auto& w = c.attr<Window>();
      return kernels::strided_read(c[0], Shape(w.count), window_strides(w), window_offset(w));
    },
    [](const Ctx& c, const Tensor& g) { return apply(kPad, {g}, Attr::of(c.attr<Window>())); });

Tensor pad_with(const Tensor& x, Window w, real fill) {
  w.fill = fill;
  return apply(kPad, {x}, Attr::of(std::move(w)));
}
const Primitive kPad{
    .name = "pad",
    .forward =
        [](const Ctx& c) {
          const auto& w = c.attr<Window>();
          return kernels::strided_write(c[0], w.whole, window_strides(w), window_offset(w), w.fill);
        },
    .vjp = [](const Ctx& c,
              const Tensor& g) { return Grads{apply(kSlice, {g}, Attr::of(c.attr<Window>()))}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return pad_with(t, c.attr<Window>(), 0); },
    .saves = kSaveNothing};

const Primitive kFlip = linear_map(
    "flip",
    [](const Ctx& c) {
      const int axis = c.attr<int>();
      const Shape& s = c.shape(0);
      Ints strides = kernels::strides_of(s);
      const int64 last = (s[axis] - 1) * strides[at(axis)];
      strides[at(axis)] *= -1;
      return kernels::strided_read(c[0], s, strides, last);
    },
    [](const Ctx& c, const Tensor& g) { return flip(g, c.attr<int>()); });

Shape concat_shape(std::span<const Tensor> parts, int axis) {
  Ints dims(parts[0].shape().begin(), parts[0].shape().end());
  dims[at(axis)] = 0;
  for (const Tensor& p : parts) {
    bool fits = p.rank() == parts[0].rank();
    for (int i = 0; fits && i < p.rank(); ++i) fits = i == axis || p.dim(i) == parts[0].dim(i);
    if (!fits)
      fail<ShapeError>("concat: shapes {} and {} differ beyond axis {}", parts[0].shape().str(),
                       p.shape().str(), axis);
    dims[at(axis)] += p.dim(axis);
  }
  return Shape(dims);
}

const Primitive kConcat{.name = "concat",
                        .forward =
                            [](const Ctx& c) {
                              const int axis = c.attr<int>();
                              Tensor y(concat_shape(c.all(), axis));
                              real* out = y.mutable_data();
                              const int64 inner = y.shape().stride(axis), row = y.dim(axis) * inner;
                              const int64 outer = row ? y.numel() / row : 0;
                              for (const Tensor& p : c.all()) {
                                const int64 n = p.dim(axis) * inner;
                                for (int64 o = 0; o < outer; ++o)
                                  std::copy_n(p.data() + o * n, n, out + o * row);
                                out += n;
                              }
                              return y;
                            },
                        .vjp =
                            [](const Ctx& c, const Tensor& g) {
                              Grads grads(at(c.inputs()));
                              const int axis = c.attr<int>();
                              int64 from = 0;
                              for (int i = 0; i < c.inputs(); ++i) {
                                const int64 to = from + c.shape(i)[axis];
                                if (c.needs(i)) grads[at(i)] = slice(g, axis, from, to);
                                from = to;
                              }
                              return grads;
                            },
                        .jvp =
                            [](const Ctx& c, int i, const Tensor& t) {
                              const int axis = c.attr<int>();
                              Ints before(at(t.rank()), 0), after(at(t.rank()), 0);
                              for (int k = 0; k < c.inputs(); ++k)
                                if (k != i) (k < i ? before : after)[at(axis)] += c.shape(k)[axis];
                              return pad(t, before, after);
                            },
                        .saves = kSaveNothing};

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return apply(kReshape, {x}, Attr::of(shape));
}
Tensor reshape(const Tensor& x, const std::vector<int64>& dims) {
  Ints full = dims;
  const auto open = std::find(full.begin(), full.end(), -1);
  if (open != full.end()) {
    *open = 1;
    const int64 rest = Shape(full).numel();
    if (rest == 0 || x.numel() % rest != 0)
      fail<ShapeError>("reshape: {} elements of shape {} do not divide by {}", x.numel(), x.shape().str(),
                       rest);
    *open = x.numel() / rest;
  }
  return reshape(x, Shape(full));
}
Tensor flatten(const Tensor& x, int from_axis) {
  const int from = x.shape().axis(from_axis);
  Ints dims(x.shape().begin(), x.shape().begin() + from);
  int64 rest = 1;
  for (int i = from; i < x.rank(); ++i) rest *= x.dim(i);
  dims.push_back(rest);
  return reshape(x, Shape(dims));
}
Tensor permute(const Tensor& x, const std::vector<int>& order) {
  std::vector<int> axes;
  for (int a : order) axes.push_back(x.shape().axis(a));
  std::vector<int> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  bool identity = true;
  for (size_t i = 0; i < sorted.size(); ++i) {
    identity &= axes[i] == static_cast<int>(i);
    if (sorted[i] != static_cast<int>(i) || sorted.size() != at(x.rank()))
      fail<ShapeError>("permute: ({}) is not an order of the axes of {}", fmt::join(order, ", "),
                       x.shape().str());
  }
  if (identity && axes.size() == at(x.rank())) return x;
  return apply(kPermute, {x}, Attr::of(axes));
}
Tensor transpose(const Tensor& x, int a, int b) {
  std::vector<int> order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[at(x.shape().axis(a))], order[at(x.shape().axis(b))]);
  return permute(x, order);
}
Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  if (!(broadcast(x.shape(), shape, "broadcast_to") == shape))
    fail<ShapeError>("broadcast_to: {} does not broadcast to {}", x.shape().str(), shape.str());
  return apply(kBroadcastTo, {x}, Attr::of(shape));
}

Tensor slice_nd(const Tensor& x, const Ints& begin, const Ints& count, const Ints& step) {
  const size_t n = at(x.rank());
  if (begin.size() != n || count.size() != n || step.size() != n)
    fail<ShapeError>("slice: {} ranges for shape {}", begin.size(), x.shape().str());
  for (int i = 0; i < x.rank(); ++i) {
    const int64 b = begin[at(i)], k = count[at(i)], s = step[at(i)];
    if (s < 1 || b < 0 || k < 0 || (k > 0 && b + (k - 1) * s >= x.dim(i)))
      fail<ShapeError>("slice: {} elements from {} in steps of {} do not fit axis {} of {}", k, b, s, i,
                       x.shape().str());
  }
  return apply(kSlice, {x}, Attr::of(Window{begin, count, step, x.shape()}));
}
Tensor slice(const Tensor& x, int axis, int64 begin, int64 end, int64 step) {
  const int a = x.shape().axis(axis);
  if (begin < 0 || begin > end || end > x.dim(a) || step < 1)
    fail<ShapeError>("slice: {}..{} in steps of {} is out of range for axis {} of {}", begin, end, step, a,
                     x.shape().str());
  if (begin == 0 && end == x.dim(a) && step == 1) return x;
  Ints from(at(x.rank()), 0), count(x.shape().begin(), x.shape().end()), steps(at(x.rank()), 1);
  from[at(a)] = begin;
  count[at(a)] = (end - begin + step - 1) / step;
  steps[at(a)] = step;
  return apply(kSlice, {x}, Attr::of(Window{from, count, steps, x.shape()}));
}
std::vector<Tensor> split(const Tensor& x, int axis, const std::vector<int64>& sizes) {
  std::vector<Tensor> parts;
  int64 from = 0;
  for (int64 n : sizes) {
    parts.push_back(slice(x, axis, from, from + n));
    from += n;
  }
  if (from != x.dim(axis))
    fail<ShapeError>("split: sizes add up to {}, axis {} of {} has {}", from, axis, x.shape().str(),
                     x.dim(axis));
  return parts;
}
Tensor pad(const Tensor& x, const Ints& before, const Ints& after, real value) {
  if (before.size() != at(x.rank()) || after.size() != at(x.rank()))
    fail<ShapeError>("pad: {} and {} widths for shape {}", before.size(), after.size(), x.shape().str());
  Ints whole(x.shape().begin(), x.shape().end()), count = whole;
  for (size_t i = 0; i < whole.size(); ++i) {
    if (before[i] < 0 || after[i] < 0) fail<ShapeError>("pad: negative width for shape {}", x.shape().str());
    whole[i] += before[i] + after[i];
  }
  return pad_with(x, Window{before, count, Ints(at(x.rank()), 1), Shape(whole)}, value);
}
Tensor flip(const Tensor& x, int axis) { return apply(kFlip, {x}, Attr::of(x.shape().axis(axis))); }
Tensor roll(const Tensor& x, int axis, int64 shift) {
  const int64 n = x.dim(axis);
  if (n == 0) return x;
  const int64 cut = n - (shift % n + n) % n;  // the first of the elements that come round to the front
  if (cut == n) return x;
  const Tensor parts[] = {slice(x, axis, cut, n), slice(x, axis, 0, cut)};
  return concat(parts, axis);
}
Tensor concat(std::span<const Tensor> parts, int axis) {
  if (parts.empty()) fail<ShapeError>("concat: no parts");
  const int a = parts[0].shape().axis(axis);
  concat_shape(parts, a);
  return apply(kConcat, parts, Attr::of(a));
}
Tensor stack(std::span<const Tensor> parts, int axis) {
  if (parts.empty()) fail<ShapeError>("stack: no parts");
  const int rank = parts[0].rank() + 1, a = axis < 0 ? axis + rank : axis;
  if (a < 0 || a >= rank) fail<ShapeError>("stack: axis {} for parts of {}", axis, parts[0].shape().str());
  std::vector<Tensor> lifted;
  for (const Tensor& p : parts) {
    Ints dims(p.shape().begin(), p.shape().end());
    dims.insert(dims.begin() + std::min<int>(a, p.rank()), 1);
    lifted.push_back(reshape(p, Shape(dims)));
  }
  return concat(lifted, a);
}

PrimitiveList shape_primitives() {
  return {&kReshape, &kPermute, &kBroadcastTo, &kSlice, &kPad, &kFlip, &kConcat};
}

}  // namespace gradus
