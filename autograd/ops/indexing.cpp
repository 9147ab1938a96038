// Picking elements by index: linear maps in adjoint pairs. Indices are checked before any kernel runs.
#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "core/kernels/shape.h"

namespace gradus {
namespace {

Attr attr_of(const Ctx& c) { return Attr::of(c.attr<Pick>()); }

void check_index(const char* op, const IntTensor& index, int64 size) {
  for (int64 i : index.span())
    if (i < 0 || i >= size) fail<ShapeError>("{}: index {} is out of range 0..{}", op, i, size - 1);
}

extern const Primitive kScatterAdd, kGatherAdjoint, kPutAdd;

const Primitive kIndexSelect = linear_map(
    "index_select",
    [](const Ctx& c) { return kernels::index_select(c[0], c.attr<Pick>().axis, c.attr<Pick>().index); },
    [](const Ctx& c, const Tensor& g) { return apply(kScatterAdd, {g}, attr_of(c)); });
const Primitive kScatterAdd = linear_map(
    "scatter_add",
    [](const Ctx& c) {
      const auto& p = c.attr<Pick>();
      return kernels::scatter_add(c[0], p.axis, p.index, p.size);
    },
    [](const Ctx& c, const Tensor& g) { return apply(kIndexSelect, {g}, attr_of(c)); });

const Primitive kGather = linear_map(
    "gather", [](const Ctx& c) { return kernels::gather(c[0], c.attr<Pick>().axis, c.attr<Pick>().index); },
    [](const Ctx& c, const Tensor& g) { return apply(kGatherAdjoint, {g}, attr_of(c)); });
const Primitive kGatherAdjoint = linear_map(
    "gather_adjoint",
    [](const Ctx& c) {
      const auto& p = c.attr<Pick>();
      return kernels::gather_adjoint(c[0], p.axis, p.index, p.size);
    },
    [](const Ctx& c, const Tensor& g) { return apply(kGather, {g}, attr_of(c)); });

const Primitive kTake = linear_map(
    "take", [](const Ctx& c) { return kernels::take(c[0], c.attr<Pick>().index); },
    [](const Ctx& c, const Tensor& g) { return apply(kPutAdd, {g}, attr_of(c)); });
const Primitive kPutAdd = linear_map(
    "put_add",
    [](const Ctx& c) { return kernels::put_add(c[0], c.attr<Pick>().index, c.attr<Pick>().whole); },
    [](const Ctx& c, const Tensor& g) { return apply(kTake, {g}, attr_of(c)); });

void check_rank_one(const char* op, const IntTensor& index) {
  if (index.rank() != 1)
    fail<ShapeError>("{}: index must have one axis, not shape {}", op, index.shape().str());
}
void check_lanes(const char* op, const Shape& x, const Shape& index, int axis) {
  bool fits = x.rank() == index.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || x[i] == index[i];
  if (!fits)
    fail<ShapeError>("{}: index of shape {} does not fit {} beyond axis {}", op, index.str(), x.str(), axis);
}

}  // namespace

Tensor index_select(const Tensor& x, int axis, const IntTensor& index) {
  const int a = x.shape().axis(axis);
  check_rank_one("index_select", index);
  check_index("index_select", index, x.dim(a));
  return apply(kIndexSelect, {x}, Attr::of(Pick{own_ints(index, x), a, x.dim(a), {}}));
}
Tensor scatter_add(const Tensor& x, int axis, const IntTensor& index, int64 size) {
  const int a = x.shape().axis(axis);
  check_rank_one("scatter_add", index);
  if (index.numel() != x.dim(a))
    fail<ShapeError>("scatter_add: {} indices for axis {} of {}", index.numel(), a, x.shape().str());
  check_index("scatter_add", index, size);
  return apply(kScatterAdd, {x}, Attr::of(Pick{own_ints(index, x), a, size, {}}));
}
Tensor gather(const Tensor& x, int axis, const IntTensor& index) {
  const int a = x.shape().axis(axis);
  check_lanes("gather", x.shape(), index.shape(), a);
  check_index("gather", index, x.dim(a));
  return apply(kGather, {x}, Attr::of(Pick{own_ints(index, x), a, x.dim(a), {}}));
}
Tensor gather_adjoint(const Tensor& x, int axis, const IntTensor& index, int64 size) {
  const int a = x.shape().axis(axis);
  if (!(x.shape() == index.shape()))
    fail<ShapeError>("gather_adjoint: index of shape {} for {}", index.shape().str(), x.shape().str());
  check_index("gather_adjoint", index, size);
  return apply(kGatherAdjoint, {x}, Attr::of(Pick{own_ints(index, x), a, size, {}}));
}
Tensor take(const Tensor& x, const IntTensor& index) {
  check_index("take", index, x.numel());
  return apply(kTake, {x}, Attr::of(Pick{own_ints(index, x), 0, 0, x.shape()}));
}
Tensor put_add(const Tensor& x, const IntTensor& index, const Shape& shape) {
  if (!(x.shape() == index.shape()))
    fail<ShapeError>("put_add: index of shape {} for {}", index.shape().str(), x.shape().str());
  check_index("put_add", index, shape.numel());
  return apply(kPutAdd, {x}, Attr::of(Pick{own_ints(index, x), 0, 0, shape}));
}
Tensor embedding(const Tensor& table, const IntTensor& ids) {
  if (table.rank() != 2) fail<ShapeError>("embedding: the table must be (V,D), not {}", table.shape().str());
  std::vector<int64> dims(ids.shape().begin(), ids.shape().end());
  dims.push_back(table.dim(1));
  return reshape(index_select(table, 0, ids.view({ids.numel()})), Shape(dims));
}

PrimitiveList index_primitives() {
  return {&kIndexSelect, &kScatterAdd, &kGather, &kGatherAdjoint, &kTake, &kPutAdd};
}

}  // namespace gradus
