// Samples of reductions and changes of shape.
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
  s.push_back({"logsumexp",
               {normal({0, 3}, 1)},
               [](const Tensors& x) { return g::logsumexp(x[0], {1}); },
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

// Each map at the sizes that the hand-written samples do not have: nothing, one element, more than 2^16.
void add_shape_sizes(Samples& s) {
  for (const auto& [rows, columns] : {std::pair<int64, int64>{0, 3}, {1, 1}, {290, 251}}) {
    const int64 m = rows, n = columns;
    const Shape xs{m, n};
    add_map(
        s, "reshape", xs,
        [=](const Tensor& x) {
          return g::reshape(x, Shape{n, m, 1});
        },
        {n, m, 1},
        [=](const Index& i) {
          const int64 at = i[0] * m + i[1];
          return Index{at / n, at % n};
        });
    add_map(
        s, "permute", xs, [](const Tensor& x) { return g::transpose(x); }, {n, m},
        [](const Index& i) {
          return Index{i[1], i[0]};
        });
    add_map(
        s, "broadcast_to", {1, n},
        [=](const Tensor& x) {
          return g::broadcast_to(x, Shape{1, m, n});
        },
        {1, m, n},
        [](const Index& i) {
          return Index{0, i[2]};
        });
    add_map(
        s, "slice", xs,
        [=](const Tensor& x) {
          return m > 2 ? g::slice(x, 0, 1, m - 1) : g::slice_nd(x, {0, 0}, {m, n}, {1, 1});
        },
        {m > 2 ? m - 2 : m, n},
        [=](const Index& i) {
          return Index{i[0] + (m > 2), i[1]};
        });
    add_map(
        s, "pad", xs,
        [](const Tensor& x) {
          return g::pad(x, {1, 0}, {2, 1});
        },
        {m + 3, n + 1},
        [=](const Index& i) {
          return i[0] >= 1 && i[0] <= m && i[1] < n ? Index{i[0] - 1, i[1]} : Index{};
        });
    add_map(
        s, "flip", xs, [](const Tensor& x) { return g::flip(x, 0); }, xs,
        [=](const Index& i) {
          return Index{m - 1 - i[0], i[1]};
        });
    add_map(
        s, "flip", xs, [](const Tensor& x) { return g::flip(x, 1); }, xs,
        [=](const Index& i) {
          return Index{i[0], n - 1 - i[1]};
        });
    for (const int axis : {0, 1})
      s.push_back({"concat",
                   {normal(xs, 8), normal(xs, 9)},
                   [=](const Tensors& x) { return g::concat(x, axis); },
                   [=](const Grids& x) {
                     return fill(axis == 0 ? Shape{2 * m, n} : Shape{m, 2 * n}, [&](const Index& i) {
                       const int64 cut = xs[axis], at = i[size_t(axis)];
                       Index j = i;
                       j[size_t(axis)] = at % cut;
                       return x[size_t(at / cut)](j);
                     });
                   },
                   {}});
  }
  add_map(
      s, "broadcast_to", {1},
      [](const Tensor& x) {
        return g::broadcast_to(x, {1, 1});
      },
      {1, 1}, [](const Index&) { return Index{0}; });
  add_map(
      s, "slice", {290, 501}, [](const Tensor& x) { return g::slice(x, 1, 0, 501, 2); }, {290, 251},
      [](const Index& i) {
        return Index{i[0], 2 * i[1]};
      });
  add_map(
      s, "permute", {40, 1, 42, 41},
      [](const Tensor& x) {
        return g::permute(x, {2, 0, 3, 1});
      },
      {42, 40, 41, 1},
      [](const Index& i) {
        return Index{i[1], i[3], i[0], i[2]};
      });
}

Samples shape_samples() {
  Samples s;
  add_shape_sizes(s);
  add_map(
      s, "reshape", {2, 6},
      [](const Tensor& x) {
        return g::reshape(x, {3, -1});
      },
      {3, 4},
      [](const Index& i) {
        return Index{(i[0] * 4 + i[1]) / 6, (i[0] * 4 + i[1]) % 6};
      });
  add_map(
      s, "permute", {2, 3, 4},
      [](const Tensor& x) {
        return g::permute(x, {2, 0, 1});
      },
      {4, 2, 3},
      [](const Index& i) {
        return Index{i[1], i[2], i[0]};
      });
  add_map(
      s, "permute", {2, 3, 4, 5},
      [](const Tensor& x) {
        return g::permute(x, {0, 2, 1, 3});
      },
      {2, 4, 3, 5},
      [](const Index& i) {
        return Index{i[0], i[2], i[1], i[3]};
      });
  add_map(
      s, "permute", {300, 251}, [](const Tensor& x) { return g::transpose(x); }, {251, 300},
      [](const Index& i) {
        return Index{i[1], i[0]};
      });
  add_map(
      s, "permute", {3, 1, 40, 17},
      [](const Tensor& x) {
        return g::permute(x, {1, 3, 0, 2});
      },
      {1, 17, 3, 40},
      [](const Index& i) {
        return Index{i[2], i[0], i[3], i[1]};
      });
  add_map(
      s, "permute", {0, 3}, [](const Tensor& x) { return g::transpose(x); }, {3, 0},
      [](const Index& i) { return i; });
  add_map(
      s, "broadcast_to", {3, 1},
      [](const Tensor& x) {
        return g::broadcast_to(x, {2, 3, 4});
      },
      {2, 3, 4},
      [](const Index& i) {
        return Index{i[1], 0};
      });
  add_map(
      s, "broadcast_to", {},
      [](const Tensor& x) {
        return g::broadcast_to(x, {2, 3});
      },
      {2, 3}, [](const Index&) { return Index{}; });
  add_map(
      s, "broadcast_to", {1, 300},
      [](const Tensor& x) {
        return g::broadcast_to(x, {251, 300});
      },
      {251, 300},
      [](const Index& i) {
        return Index{0, i[1]};
      });
  add_map(
      s, "slice", {5, 4}, [](const Tensor& x) { return g::slice(x, 0, 1, 4); }, {3, 4},
      [](const Index& i) {
        return Index{i[0] + 1, i[1]};
      });
  add_map(
      s, "slice", {3, 9}, [](const Tensor& x) { return g::slice(x, 1, 1, 9, 3); }, {3, 3},
      [](const Index& i) {
        return Index{i[0], 1 + 3 * i[1]};
      });
  add_map(
      s, "slice", {6, 7},
      [](const Tensor& x) {
        return g::slice_nd(x, {1, 2}, {2, 3}, {3, 2});
      },
      {2, 3},
      [](const Index& i) {
        return Index{1 + 3 * i[0], 2 + 2 * i[1]};
      });
  add_map(
      s, "slice", {3, 4}, [](const Tensor& x) { return g::slice(x, 1, 2, 2); }, {3, 0},
      [](const Index& i) { return i; });
  add_map(
      s, "pad", {2, 3},
      [](const Tensor& x) {
        return g::pad(x, {1, 0}, {0, 2});
      },
      {3, 5},
      [](const Index& i) {
        return i[0] >= 1 && i[1] < 3 ? Index{i[0] - 1, i[1]} : Index{};
      });
  add_map(
      s, "flip", {2, 3, 4}, [](const Tensor& x) { return g::flip(x, 1); }, {2, 3, 4},
      [](const Index& i) {
        return Index{i[0], 2 - i[1], i[2]};
      });
  add_map(
      s, "flip", {3, 5}, [](const Tensor& x) { return g::flip(x, -1); }, {3, 5},
      [](const Index& i) {
        return Index{i[0], 4 - i[1]};
      });
  add_map(
      s, "concat", {3, 5}, [](const Tensor& x) { return g::roll(x, 1, 2); }, {3, 5},
      [](const Index& i) {
        return Index{i[0], (i[1] + 3) % 5};
      });
  add_map(
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

}  // namespace

TEST_CASE("contract: reductions") { check_family("reduction", reduce_samples()); }
TEST_CASE("contract: changes of shape") { check_family("shape", shape_samples()); }
