// NaN where numbers are compared: it propagates, whatever the order, and so does its gradient.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/linalg.h"
#include "nn/losses.h"

using namespace gradus;

namespace {

constexpr real kNaN = std::numeric_limits<real>::quiet_NaN();
using Numbers = std::vector<real>;
using Places = std::vector<int64>;

// Equal numbers, NaN equal to NaN.
bool same(const Tensor& t, const Numbers& want) {
  const Numbers got = t.values();
  return std::equal(got.begin(), got.end(), want.begin(), want.end(),
                    [](real a, real b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}

Tensor gradient_of(const Tensor& y, const Tensor& x) { return grad(sum(y), {x})[0]; }

}  // namespace

TEST_CASE("nan: max and min find the first NaN, wherever it stands, and give it the gradient") {
  const Numbers rows[] = {{kNaN, 1, 3, 2}, {1, kNaN, 3, kNaN}, {3, 2, 1, kNaN}, {2, 3, kNaN, 1}};
  const int64 first[] = {0, 1, 3, 2};
  for (int r = 0; r < 4; ++r) {
    const Tensor x = variable(Tensor::from({4}, rows[r]));
    for (auto* extremum : {&max, &min}) {
      const Tensor y = extremum(x, {}, false);
      CHECK(std::isnan(y.item()));
      Numbers want(4, 0);
      want[static_cast<size_t>(first[r])] = 1;
      CHECK(same(gradient_of(y, x), want));
      const JvpScope scope;
      CHECK(scope.tangent(extremum(scope.dual(x.detach(), Tensor::from({4}, {10, 11, 12, 13})), {}, false))
                .item() == static_cast<real>(10 + first[r]));
    }
    CHECK(argmax(x, 0).values() == Places{first[r]});
  }
  // The same by rows, by columns and over both, past the ends of vectors.
  for (const int64 n : {3, 70, 5000}) {
    Tensor grid = Tensor::zeros({3, n});
    grid.mutable_data()[n + n / 2] = kNaN;
    grid.mutable_data()[2 * n + n - 1] = 7;
    for (auto* extremum : {&max, &min}) {
      const Tensor across = extremum(grid, {1}, false), down = extremum(grid, {0}, false);
      CHECK(!std::isnan(across.data()[0]));
      CHECK(std::isnan(across.data()[1]));
      CHECK(!std::isnan(across.data()[2]));
      for (int64 i = 0; i < n; ++i) CHECK(std::isnan(down.data()[i]) == (i == n / 2));
      CHECK(std::isnan(extremum(grid, {}, false).item()));
    }
    CHECK(argmax(grid, 1).values() == Places{0, n / 2, n - 1});
    CHECK(argmax(grid, 0)[n / 2] == 1);
  }
}

TEST_CASE("nan: maximum and minimum propagate it from either side, also under broadcasting") {
  const Tensor a = variable(Tensor::from({4}, {kNaN, 1, kNaN, 2})),
               b = variable(Tensor::from({4}, {1, kNaN, kNaN, 2}));
  for (auto* choose : {&maximum, &minimum}) {
    const Tensor y = choose(a, b);
    CHECK(same(y, {kNaN, kNaN, kNaN, 2}));
    const std::vector<Tensor> g = grad(sum(y), {a, b});
    CHECK(same(g[0], {1, 0, 1, 1}));  // of two NaN, and of equal numbers, the first
    CHECK(same(g[1], {0, 1, 0, 0}));
    const Tensor column = variable(Tensor::from({2, 1}, {kNaN, 5})),
                 row = variable(Tensor::from({2}, {5, kNaN}));
    const Tensor grid = choose(column, row);
    CHECK(same(grid, {kNaN, kNaN, 5, kNaN}));
    const std::vector<Tensor> h = grad(sum(grid), {column, row});
    CHECK(same(h[0], {2, 1}));
    CHECK(same(h[1], {0, 1}));
    const JvpScope scope;
    CHECK(same(scope.tangent(choose(scope.dual(a.detach(), Tensor::full({4}, 3)),
                                    scope.dual(b.detach(), Tensor::full({4}, 4)))),
               {3, 4, 3, 3}));
  }
}

TEST_CASE("nan: sorting puts it last, first when descending; topk puts it first") {
  const Tensor x = variable(Tensor::from({6}, {2, kNaN, 3, kNaN, 1, 2}));
  const Tensor weights = Tensor::from({6}, {1, 2, 3, 4, 5, 6});
  const auto [up, order] = sort(x, 0);
  CHECK(same(up, {1, 2, 2, 3, kNaN, kNaN}));
  CHECK(order.values() == Places{4, 0, 5, 2, 1, 3});
  CHECK(same(grad(sum(up * weights), {x})[0], {2, 5, 4, 6, 1, 3}));
  const auto [down, down_order] = sort(x, 0, true);
  CHECK(same(down, {kNaN, kNaN, 3, 2, 2, 1}));
  CHECK(down_order.values() == Places{1, 3, 2, 0, 5, 4});
  const auto [top, where] = topk(x, 3, 0);
  CHECK(same(top, {kNaN, kNaN, 3}));
  CHECK(where.values() == Places{1, 3, 2});
  CHECK(same(gradient_of(top, x), {0, 1, 1, 1, 0, 0}));
  // Many of them: a comparator that is no strict weak order shows here.
  const int64 n = 3001;
  Tensor many(Shape{n});
  for (int64 i = 0; i < n; ++i) many.mutable_data()[i] = i % 3 ? static_cast<real>(i * 7919 % 1009) : kNaN;
  const auto [sorted, places] = sort(many, 0);
  const int64 numbers = n - (n + 2) / 3;
  for (int64 i = 1; i < numbers; ++i) CHECK(sorted.data()[i - 1] <= sorted.data()[i]);
  for (int64 i = numbers; i < n; ++i) CHECK(places[i] == 3 * (i - numbers));
  const auto [largest, among] = topk(many, n, 0);
  for (int64 i = 0; i < n - numbers; ++i) CHECK(among[i] == 3 * i);
  for (int64 i = n - numbers + 1; i < n; ++i) CHECK(largest.data()[i - 1] >= largest.data()[i]);
}

TEST_CASE("nan: activations, pooling, softmax and losses let it through") {
  const Tensor x = variable(Tensor::from({2}, {kNaN, 1}));
  CHECK(same(clamp(x, 0, 2), {kNaN, 1}));
  CHECK(same(gradient_of(clamp(x, 0, 2), x), {1, 1}));
  CHECK(same(relu(x), {kNaN, 1}));
  CHECK(same(gradient_of(relu(x), x), {1, 1}));
  CHECK(same(sign(x), {kNaN, 1}));
  for (const Tensor& y : {leaky_relu(x), elu(x), silu(x), gelu(x), gelu_tanh(x), softplus(x), abs(x),
                          expm1(x), log1p(x), tanh(x), sigmoid(x), erf(x)}) {
    CHECK(std::isnan(y.data()[0]));
    CHECK(!std::isnan(y.data()[1]));
  }
  CHECK(std::isnan(logsumexp(x).item()));
  for (const Tensor& y : {softmax(x), log_softmax(x)})
    for (int64 i = 0; i < 2; ++i) CHECK(std::isnan(y.data()[i]));
  const Tensor image = Tensor::from({1, 1, 2, 2}, {1, 3, kNaN, 2});
  CHECK(std::isnan(max_pool2d(image, pool_spec(2)).item()));
  CHECK(std::isnan(adaptive_max_pool2d(image, 1, 1).item()));
  const Tensor row = Tensor::from({1, 2}, {kNaN, 1}), other = Tensor::from({1, 2}, {0, 0});
  CHECK(std::isnan(huber_loss(row, other).item()));
  CHECK(std::isnan(l1_loss(row, other).item()));
  CHECK(std::isnan(hinge_loss(row, IntTensor::from({1}, {1})).item()));
  CHECK(std::isnan(bce_with_logits(row, other).item()));
  CHECK(std::isnan(cross_entropy(row, IntTensor::from({1}, {1})).item()));
}

TEST_CASE("nan: order statistics of doubles") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (size_t at = 0; at < 5; ++at) {
    std::vector<double> values{4, 1, 3, 2, 5};
    values[at] = nan;
    CHECK(std::isnan(linalg::quantile(values, 0.25)));
    CHECK(std::isnan(linalg::median(values)));
    CHECK_THROWS_AS(linalg::kmeans_1d(values, 2), NumericError);
  }
}
