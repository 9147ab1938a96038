#include "core/kernels/pool.h"

#include "core/error.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

// For each output its window's input positions, in row-major order.
template <class Visit>
void each_window(const Shape& x, const Shape& y, const PoolSpec& s, const Visit& visit) {
  for (int64 p = 0; p < x[0] * x[1]; ++p)
    for (int64 r = 0; r < y[2]; ++r)
      for (int64 q = 0; q < y[3]; ++q) {
        std::vector<int64> in;
        for (int64 i = r * s.stride_h - s.pad_h; i < r * s.stride_h - s.pad_h + s.kernel_h; ++i)
          for (int64 j = q * s.stride_w - s.pad_w; j < q * s.stride_w - s.pad_w + s.kernel_w; ++j)
            if (i >= 0 && i < x[2] && j >= 0 && j < x[3]) in.push_back((p * x[2] + i) * x[3] + j);
        visit(static_cast<size_t>((p * y[2] + r) * y[3] + q), in);
      }
}

void check_pools(const Shape& xs, const PoolSpec& spec) {
  CAPTURE(xs.str());
  CAPTURE(spec.kernel_h);
  CAPTURE(spec.stride_h);
  Rng rng(3);
  Tensor x = rng.normal_tensor(xs);
  real* px = x.mutable_data();
  for (int64 i = 0; i < x.numel(); ++i) px[i] = std::round(px[i] * 2) / 2;  // ties in most windows
  const Shape ys = pool2d_shape(xs, spec, "pool");
  const Tensor g = rng.normal_tensor(ys);
  Doubles largest(static_cast<size_t>(ys.numel())), mean(largest.size());
  Doubles largest_grad(static_cast<size_t>(xs.numel())), mean_grad(largest_grad.size());
  each_window(xs, ys, spec, [&](size_t out, const std::vector<int64>& in) {
    int64 best = in[0];
    const double area = double(spec.kernel_h * spec.kernel_w);
    for (int64 i : in) {
      if (x.data()[i] > x.data()[best]) best = i;
      mean[out] += x.data()[i] / area;
      mean_grad[static_cast<size_t>(i)] += g.data()[out] / area;
    }
    largest[out] = x.data()[best];
    largest_grad[static_cast<size_t>(best)] += g.data()[out];
  });
  IntTensor index;
  CHECK(naive::error(kernels::max_pool2d(x, spec, &index), largest) == 0);
  CHECK(naive::error(kernels::max_pool2d(x, spec, nullptr), largest) == 0);
  const Tensor dx = rng.normal_tensor(xs);
  const auto dual = kernels::max_pool2d_dual(x, dx, spec);
  CHECK(naive::error(dual.y, largest) == 0);
  const int64 outputs = ys[2] * ys[3], inputs = xs[2] * xs[3];
  Doubles along;
  for (int64 i = 0; i < ys.numel(); ++i) along.push_back(dx.data()[i / outputs * inputs + index.data()[i]]);
  CHECK(naive::error(dual.dy, along) == 0);
  CHECK(naive::error(kernels::max_pool2d_grad(g, index, xs), largest_grad) < naive::tolerance(1e-6, 1e-15));
  CHECK(naive::error(kernels::avg_pool2d(x, spec), mean) < naive::tolerance(1e-6, 1e-15));
  CHECK(naive::error(kernels::avg_pool2d_grad(g, spec, xs), mean_grad) < naive::tolerance(1e-6, 1e-15));
}

}  // namespace

TEST_CASE("pool kernels: forward and gradients equal a plain double loop") {
  check_pools({2, 3, 8, 8}, pool_spec(2));
  check_pools({2, 5, 31, 31}, pool_spec(2));
  check_pools({2, 5, 33, 70}, pool_spec(2));
  check_pools({2, 5, 7, 7}, pool_spec(2));
  check_pools({2, 3, 3, 3}, pool_spec(3));
  check_pools({2, 3, 9, 10}, {3, 3, 2, 2, 1, 1});
  check_pools({1, 2, 5, 7}, {3, 2, 1, 1, 1, 1});
  check_pools({1, 2, 5, 7}, {2, 3, 3, 4, 0, 0});
  check_pools({3, 4, 8, 8}, pool_spec(8));
  check_pools({1, 1, 1, 1}, pool_spec(1));
}

TEST_CASE("max_pool2d: NaN wins, -inf is a value like any other, an empty batch stays empty") {
  const Tensor x = Tensor::from({1, 1, 2, 4}, {1, NAN, -INFINITY, -INFINITY, 3, 4, -INFINITY, -INFINITY});
  IntTensor index;
  const Tensor y = kernels::max_pool2d(x, pool_spec(2), &index);
  CHECK(std::isnan(y.data()[0]));
  CHECK(index[0] == 1);
  CHECK(y.data()[1] == -INFINITY);
  CHECK(index[1] == 2);
  CHECK(kernels::max_pool2d(Tensor::zeros({0, 2, 4, 4}), pool_spec(2), &index).shape() == Shape{0, 2, 2, 2});
}

TEST_CASE("pool kernels: shapes that do not fit are refused") {
  CHECK_THROWS_AS(pool2d_shape({1, 1, 3, 3}, pool_spec(4), "p"), ShapeError);
  CHECK_THROWS_AS(pool2d_shape({1, 3, 3}, pool_spec(2), "p"), ShapeError);
  CHECK_THROWS_AS(pool2d_shape({1, 1, 3, 3}, PoolSpec{2, 2, 1, 1, 2, 2}, "p"), ShapeError);
  CHECK_THROWS_AS(pool2d_shape({1, 1, 3, 3}, PoolSpec{2, 2, 0, 1, 0, 0}, "p"), ShapeError);
  CHECK_THROWS_AS(kernels::avg_pool2d_grad(Tensor::zeros({1, 1, 2, 2}), pool_spec(2), {1, 1, 8, 8}),
                  ShapeError);
}
