// Samples of reductions, changes of shape and indexing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

// A reduction by plain loops: combine(accumulator, x) over everything that falls on one output element.
Naive reducing(
    const g::Axes& axes, double start, const std::function<double(double, double)>& combine,
    const std::function<double(double)>& finish = [](double v) { return v; }) {
  return [=](const Grids& x) {
    const Shape& s = x[0].shape;
    std::vector<bool> gone(size_t(s.rank()), axes.empty());
    for (int a : axes) gone[size_t(s.axis(a))] = true;
    int64 size = 1;
    for (int i = 0; i < s.rank(); ++i) size *= gone[size_t(i)] ? 1 : s[i];
    std::vector<double> y(size_t(size), start);
    each(s, [&](const Index& i) {
      int64 at = 0;
      for (int k = 0; k < s.rank(); ++k)
        if (!gone[size_t(k)]) at = at * s[k] + i[size_t(k)];
      y[size_t(at)] = combine(y[size_t(at)], x[0](i));
    });
    for (double& v : y) v = finish(v);
    return y;
  };
}

struct Case {
  Shape shape;
  g::Axes axes;
};
// All axes; inner, outer, middle, split sets of axes; extents of 1; scalars; large ones of every layout.
const Case kReductions[] = {
    {{3, 4}, {}},     {{3, 4}, {1}},       {{3, 4}, {0}},     {{2, 3, 4, 5}, {0, 2}}, {{2, 3, 4, 5}, {1, 3}},
    {{2, 3, 4}, {1}}, {{2, 3, 4}, {0, 2}}, {{}, {}},          {{1, 1}, {0}},          {{5, 1, 3}, {1}},
    {{70001}, {}},    {{7001, 10}, {0}},   {{10, 7001}, {1}}, {{3, 6, 4100}, {0, 2}}, {{70, 1100}, {0}}};

Samples reduce_samples() {
  Samples s;
  std::uint64_t seed = 10;
  for (const Case& c : kReductions)
    for (const bool keep : {false, true}) {
      if (keep && c.shape.numel() > 1000) continue;
      const g::Axes axes = c.axes;
      s.push_back({"sum",
                   {normal(c.shape, ++seed)},
                   [=](const Tensors& x) { return g::sum(x[0], axes, keep); },
                   reducing(axes, 0, [](double a, double b) { return a + b; }),
                   {}});
      s.push_back({"max",
                   {distinct(c.shape, ++seed)},
                   [=](const Tensors& x) { return g::max(x[0], axes, keep); },
                   reducing(axes, -1e300, [](double a, double b) { return std::max(a, b); }),
                   {}});
      s.push_back({"max",
                   {distinct(c.shape, ++seed)},
                   [=](const Tensors& x) { return g::min(x[0], axes, keep); },
                   reducing(axes, 1e300, [](double a, double b) { return std::min(a, b); }),
                   {}});
      s.push_back({"logsumexp",
                   {normal(c.shape, ++seed)},
                   [=](const Tensors& x) { return g::logsumexp(x[0], axes, keep); },
                   reducing(
                       axes, 0, [](double a, double b) { return a + std::exp(b); },
                       [](double v) { return std::log(v); }),
                   {}});
    }
  s.push_back({"sum",
               {normal({0, 3}, 1)},
               [](const Tensors& x) { return g::sum(x[0], {0}); },
               [](const Grids&) { return std::vector<double>(3, 0.0); },
               {}});
  s.push_back({"max",
               {normal({0, 3}, 1)},
               [](const Tensors& x) { return g::max(x[0], {1}); },
               [](const Grids&) { return std::vector<double>{}; },
               {}});
  for (const auto& [shape, axis] : {std::pair<Shape, int>{{2, 3, 4}, 0},
                                    {{2, 3, 4}, 1},
                                    {{2, 3, 4}, 2},
                                    {{1}, 0},
                                    {{0, 2}, 0},
                                    {{300, 250}, 1}})
    s.push_back({"cumsum",
                 {normal(shape, ++seed)},
                 [axis = axis](const Tensors& x) { return g::cumsum(x[0], axis); },
                 [axis = axis](const Grids& x) {
                   return fill(x[0].shape, [&](const Index& i) {
                     double total = 0;
                     Index j = i;
                     for (j[size_t(axis)] = 0; j[size_t(axis)] <= i[size_t(axis)]; ++j[size_t(axis)])
                       total += x[0](j);
                     return total;
                   });
                 },
                 {}});
  return s;
}

void add(Samples& s, const char* name, const Shape& in, const std::function<Tensor(const Tensor&)>& f,
         const Shape& out, const std::function<Index(const Index&)>& source) {
  static std::uint64_t seed = 300;
  s.push_back({name,
               {normal(in, ++seed)},
               [=](const Tensors& x) { return f(x[0]); },
               [=](const Grids& x) {
                 return fill(out, [&](const Index& i) {
                   const Index from = source(i);
                   return from.empty() && x[0].shape.rank() > 0 ? 0.0 : x[0](from);
                 });
               },
               {}});
}

Samples shape_samples() {
  Samples s;
  add(
      s, "reshape", {2, 6},
      [](const Tensor& x) {
        return g::reshape(x, {3, -1});
      },
      {3, 4},
      [](const Index& i) {
        return Index{(i[0] * 4 + i[1]) / 6, (i[0] * 4 + i[1]) % 6};
      });
  add(
      s, "permute", {2, 3, 4},
      [](const Tensor& x) {
        return g::permute(x, {2, 0, 1});
      },
      {4, 2, 3},
      [](const Index& i) {
        return Index{i[1], i[2], i[0]};
      });
  add(
      s, "permute", {2, 3, 4, 5},
      [](const Tensor& x) {
        return g::permute(x, {0, 2, 1, 3});
      },
      {2, 4, 3, 5},
      [](const Index& i) {
        return Index{i[0], i[2], i[1], i[3]};
      });
  add(
      s, "permute", {300, 251}, [](const Tensor& x) { return g::transpose(x); }, {251, 300},
      [](const Index& i) {
        return Index{i[1], i[0]};
      });
  add(
      s, "permute", {3, 1, 40, 17},
      [](const Tensor& x) {
        return g::permute(x, {1, 3, 0, 2});
      },
      {1, 17, 3, 40},
      [](const Index& i) {
        return Index{i[2], i[0], i[3], i[1]};
      });
  add(
      s, "permute", {0, 3}, [](const Tensor& x) { return g::transpose(x); }, {3, 0},
      [](const Index& i) { return i; });
  add(
      s, "broadcast_to", {3, 1},
      [](const Tensor& x) {
        return g::broadcast_to(x, {2, 3, 4});
      },
      {2, 3, 4},
      [](const Index& i) {
        return Index{i[1], 0};
      });
  add(
      s, "broadcast_to", {},
      [](const Tensor& x) {
        return g::broadcast_to(x, {2, 3});
      },
      {2, 3}, [](const Index&) { return Index{}; });
  add(
      s, "broadcast_to", {1, 300},
      [](const Tensor& x) {
        return g::broadcast_to(x, {251, 300});
      },
      {251, 300},
      [](const Index& i) {
        return Index{0, i[1]};
      });
  add(
      s, "slice", {5, 4}, [](const Tensor& x) { return g::slice(x, 0, 1, 4); }, {3, 4},
      [](const Index& i) {
        return Index{i[0] + 1, i[1]};
      });
  add(
      s, "slice", {3, 9}, [](const Tensor& x) { return g::slice(x, 1, 1, 9, 3); }, {3, 3},
      [](const Index& i) {
        return Index{i[0], 1 + 3 * i[1]};
      });
  add(
      s, "slice", {6, 7},
      [](const Tensor& x) {
        return g::slice_nd(x, {1, 2}, {2, 3}, {3, 2});
      },
      {2, 3},
      [](const Index& i) {
        return Index{1 + 3 * i[0], 2 + 2 * i[1]};
      });
  add(
      s, "slice", {3, 4}, [](const Tensor& x) { return g::slice(x, 1, 2, 2); }, {3, 0},
      [](const Index& i) { return i; });
  add(
      s, "pad", {2, 3},
      [](const Tensor& x) {
        return g::pad(x, {1, 0}, {0, 2});
      },
      {3, 5},
      [](const Index& i) {
        return i[0] >= 1 && i[1] < 3 ? Index{i[0] - 1, i[1]} : Index{};
      });
  add(
      s, "flip", {2, 3, 4}, [](const Tensor& x) { return g::flip(x, 1); }, {2, 3, 4},
      [](const Index& i) {
        return Index{i[0], 2 - i[1], i[2]};
      });
  add(
      s, "flip", {3, 5}, [](const Tensor& x) { return g::flip(x, -1); }, {3, 5},
      [](const Index& i) {
        return Index{i[0], 4 - i[1]};
      });
  add(
      s, "concat", {3, 5}, [](const Tensor& x) { return g::roll(x, 1, 2); }, {3, 5},
      [](const Index& i) {
        return Index{i[0], (i[1] + 3) % 5};
      });
  add(
      s, "concat", {3, 5}, [](const Tensor& x) { return g::roll(x, 0, -4); }, {3, 5},
      [](const Index& i) {
        return Index{(i[0] + 4) % 3, i[1]};
      });
  s.push_back({"pad",
               {normal({2}, 7)},
               [](const Tensors& x) { return g::pad(x[0], {1}, {1}, real(2.5)); },
               [](const Grids& x) {
                 return std::vector<double>{2.5, x[0].v[0], x[0].v[1], 2.5};
               },
               {}});
  s.push_back({"concat",
               {normal({2, 1, 3}, 8), normal({2, 4, 3}, 9), normal({2, 0, 3}, 9)},
               [](const Tensors& x) { return g::concat(x, 1); },
               [](const Grids& x) {
                 return fill({2, 5, 3}, [&](const Index& i) {
                   return i[1] < 1 ? x[0](i) : x[1]({i[0], i[1] - 1, i[2]});
                 });
               },
               {}});
  s.push_back({"concat",
               {normal({3}, 8), normal({3}, 9)},
               [](const Tensors& x) { return g::stack(x, -1); },
               [](const Grids& x) {
                 return fill({3, 2}, [&](const Index& i) { return x[size_t(i[1])]({i[0]}); });
               },
               {}});
  return s;
}

Samples index_samples() {
  Samples s;
  const IntTensor five = IntTensor::from({5}, {2, 0, 2, 1, 2});
  add(
      s, "index_select", {3, 4}, [=](const Tensor& x) { return g::index_select(x, 0, five); }, {5, 4},
      [=](const Index& i) {
        return Index{five[i[0]], i[1]};
      });
  add(
      s, "index_select", {2, 3, 4}, [=](const Tensor& x) { return g::index_select(x, 1, five); }, {2, 5, 4},
      [=](const Index& i) {
        return Index{i[0], five[i[1]], i[2]};
      });
  const IntTensor ids = IntTensor::from({2, 3}, {2, 0, 2, 1, 0, 2});
  add(
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
  add(
      s, "gather", {2, 4}, [=](const Tensor& x) { return g::gather(x, 1, lanes); }, {2, 3},
      [=](const Index& i) {
        return Index{i[0], lanes[i[0] * 3 + i[1]]};
      });
  const IntTensor rows = IntTensor::from({2, 2, 2}, {1, 0, 2, 2, 0, 0, 1, 2});
  add(
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
  add(
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

TEST_CASE("contract: reductions") { check_family("reduction", reduce_samples()); }
TEST_CASE("contract: changes of shape") { check_family("shape", shape_samples()); }
TEST_CASE("contract: indexing") { check_family("indexing", index_samples()); }
