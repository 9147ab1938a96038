// Samples of indexing.
#include <doctest/doctest.h>

#include <algorithm>

#include "autograd/ops/shape_ops.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

// Rows that repeat, in no order.
IntTensor picks(const Shape& shape, int64 size, std::uint64_t seed) {
  Rng rng(seed);
  IntTensor index{shape};
  for (int64 i = 0; i < index.numel(); ++i) index.mutable_data()[i] = rng.below(size);
  return index;
}
int64 place(const Index& i, const Shape& shape) {
  int64 at = 0;
  for (size_t k = 0; k < i.size(); ++k) at = at * shape[static_cast<int>(k)] + i[k];
  return at;
}

// Each map at the sizes that the hand-written samples do not have: nothing, one element, more than 2^16.
void add_index_sizes(Samples& s) {
  std::uint64_t seed = 900;
  const auto moved = [](Index i, int axis, int64 to) {
    i[size_t(axis)] = to;
    return i;
  };
  struct Pick {
    Shape x;
    int axis;
    int64 picked;
  };
  for (const Pick& c :
       {Pick{{3, 0}, 0, 2}, {{3, 2}, 0, 0}, {{1, 1}, 0, 1}, {{300, 250}, 0, 290}, {{300, 50, 6}, 1, 45}}) {
    const int axis = c.axis;
    const Shape xs = c.x;
    std::vector<int64> dims(xs.begin(), xs.end());
    dims[size_t(axis)] = c.picked;
    const Shape ys(dims);
    const IntTensor rows = picks({c.picked}, xs[axis], ++seed), lanes = picks(ys, xs[axis], ++seed);
    const IntTensor any = picks(ys, std::max<int64>(1, xs.numel()), ++seed);
    // Where output element i of the three maps comes from.
    const auto by_row = [=](const Index& i) { return moved(i, axis, rows[i[size_t(axis)]]); };
    const auto by_lane = [=](const Index& i) { return moved(i, axis, lanes[place(i, ys)]); };
    add_map(
        s, "index_select", xs, [=](const Tensor& x) { return g::index_select(x, axis, rows); }, ys, by_row);
    add_map(
        s, "gather", xs, [=](const Tensor& x) { return g::gather(x, axis, lanes); }, ys, by_lane);
    const auto adjoint = [&](const char* name, const std::function<Tensor(const Tensor&)>& f,
                             const std::function<int64(const Index&)>& to) {
      s.push_back({name,
                   {normal(ys, ++seed)},
                   [f](const Tensors& x) { return f(x[0]); },
                   [=](const Grids& x) {
                     std::vector<double> y(size_t(xs.numel()), 0);
                     each(ys, [&](const Index& i) { y[size_t(to(i))] += x[0](i); });
                     return y;
                   },
                   {}});
    };
    adjoint(
        "scatter_add", [=](const Tensor& x) { return g::scatter_add(x, axis, rows, xs[axis]); },
        [=](const Index& i) { return place(by_row(i), xs); });
    adjoint(
        "gather_adjoint", [=](const Tensor& x) { return g::gather_adjoint(x, axis, lanes, xs[axis]); },
        [=](const Index& i) { return place(by_lane(i), xs); });
    adjoint(
        "put_add", [=](const Tensor& x) { return g::put_add(x, any, xs); },
        [=](const Index& i) { return any[place(i, ys)]; });
    s.push_back({"take",
                 {normal(xs, ++seed)},
                 [=](const Tensors& x) { return g::take(x[0], any); },
                 [=](const Grids& x) {
                   return fill(ys, [&](const Index& i) { return x[0].v[size_t(any[place(i, ys)])]; });
                 },
                 {}});
  }
}

Samples index_samples() {
  Samples s;
  add_index_sizes(s);
  const IntTensor five = IntTensor::from({5}, {2, 0, 2, 1, 2});
  add_map(
      s, "index_select", {3, 4}, [=](const Tensor& x) { return g::index_select(x, 0, five); }, {5, 4},
      [=](const Index& i) {
        return Index{five[i[0]], i[1]};
      });
  add_map(
      s, "index_select", {2, 3, 4}, [=](const Tensor& x) { return g::index_select(x, 1, five); }, {2, 5, 4},
      [=](const Index& i) {
        return Index{i[0], five[i[1]], i[2]};
      });
  const IntTensor ids = IntTensor::from({2, 3}, {2, 0, 2, 1, 0, 2});
  add_map(
      s, "index_select", {3, 4}, [=](const Tensor& x) { return g::embedding(x, ids); }, {2, 3, 4},
      [=](const Index& i) {
        return Index{ids[i[0] * 3 + i[1]], i[2]};
      });
  for (const auto& [in, axis] :
       {std::pair<Shape, int>{{5, 4}, 0}, {{2, 5, 4}, 1}, {{5, 20000}, 0}, {{4, 5}, 1}})
    s.push_back({"scatter_add",
                 {normal(in, 40)},
                 [=, axis = axis](const Tensors& x) { return g::scatter_add(x[0], axis, five, 4); },
                 [=, axis = axis](const Grids& x) {
                   std::vector<int64> dims(x[0].shape.begin(), x[0].shape.end());
                   dims[size_t(axis)] = 4;
                   Grid y{Shape(dims), std::vector<double>(size_t(Shape(dims).numel()), 0)};
                   each(x[0].shape, [&](const Index& i) {
                     Index j = i;
                     j[size_t(axis)] = five[i[size_t(axis)]];
                     int64 at = 0;
                     for (size_t k = 0; k < j.size(); ++k) at = at * dims[k] + j[k];
                     y.v[size_t(at)] += x[0](i);
                   });
                   return y.v;
                 },
                 {}});
  const IntTensor lanes = IntTensor::from({2, 3}, {1, 0, 3, 3, 2, 3});
  add_map(
      s, "gather", {2, 4}, [=](const Tensor& x) { return g::gather(x, 1, lanes); }, {2, 3},
      [=](const Index& i) {
        return Index{i[0], lanes[i[0] * 3 + i[1]]};
      });
  const IntTensor rows = IntTensor::from({2, 2, 2}, {1, 0, 2, 2, 0, 0, 1, 2});
  add_map(
      s, "gather", {2, 3, 2}, [=](const Tensor& x) { return g::gather(x, 1, rows); }, {2, 2, 2},
      [=](const Index& i) {
        return Index{i[0], rows[(i[0] * 2 + i[1]) * 2 + i[2]], i[2]};
      });
  s.push_back(
      {"gather_adjoint",
       {normal({2, 3}, 50)},
       [=](const Tensors& x) { return g::gather_adjoint(x[0], 1, lanes, 4); },
       [=](const Grids& x) {
         std::vector<double> y(8, 0);
         each({2, 3}, [&](const Index& i) { y[size_t(i[0] * 4 + lanes[i[0] * 3 + i[1]])] += x[0](i); });
         return y;
       },
       {}});
  add_map(
      s, "take", {3, 4}, [=](const Tensor& x) { return g::take(x, lanes); }, {2, 3},
      [=](const Index& i) {
        return Index{lanes[i[0] * 3 + i[1]] / 4, lanes[i[0] * 3 + i[1]] % 4};
      });
  s.push_back({"put_add",
               {normal({2, 3}, 51)},
               [=](const Tensors& x) {
                 return g::put_add(x[0], lanes, {2, 3});
               },
               [=](const Grids& x) {
                 std::vector<double> y(6, 0);
                 each({2, 3}, [&](const Index& i) { y[size_t(lanes[i[0] * 3 + i[1]])] += x[0](i); });
                 return y;
               },
               {}});
  return s;
}

}  // namespace

TEST_CASE("contract: indexing") { check_family("indexing", index_samples()); }
