// Samples of matrix products, convolution and pooling.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/conv.h"
#include "autograd/ops/matmul.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

// op(a) op(b) with broadcasting leading axes.
std::vector<double> naive_matmul(const Grid& a, const Grid& b, bool ta, bool tb, const Shape& out) {
  const int64 inner = a.shape[ta ? -2 : -1];
  return fill(out, [&](const Index& i) {
    double total = 0;
    for (int64 k = 0; k < inner; ++k) {
      Index p = i, q = i;
      const size_t r = i.size() - 2, c = i.size() - 1;
      p[r] = ta ? k : i[r], p[c] = ta ? i[r] : k;
      q[r] = tb ? i[c] : k, q[c] = tb ? k : i[c];
      total += a.spread(p) * b.spread(q);
    }
    return total;
  });
}

// Random multiples of 1/steps, moved by `offset` steps.
Tensor grid(const Shape& shape, std::uint64_t seed, double steps, double offset) {
  Tensor t = normal(shape, seed);
  for (int64 i = 0; i < t.numel(); ++i)
    t.mutable_data()[i] = static_cast<real>((std::round(double(t.data()[i]) * steps) + offset) / steps);
  return t;
}

Samples matmul_samples() {
  Samples s;
  struct Case {
    Shape a, b;
    bool ta, tb;
    Shape out;
  };
  const Case cases[] = {{{3, 4}, {4, 5}, false, false, {3, 5}},
                        {{4, 3}, {4, 5}, true, false, {3, 5}},
                        {{3, 4}, {5, 4}, false, true, {3, 5}},
                        {{4, 3}, {5, 4}, true, true, {3, 5}},
                        {{2, 3, 4}, {4, 5}, false, false, {2, 3, 5}},
                        {{2, 3, 4}, {5, 4}, false, true, {2, 3, 5}},
                        {{2, 4, 3}, {4, 5}, true, false, {2, 3, 5}},
                        {{3, 4}, {2, 4, 5}, false, false, {2, 3, 5}},
                        {{2, 3, 4}, {2, 5, 4}, false, true, {2, 3, 5}},
                        {{2, 4, 3}, {2, 4, 5}, true, false, {2, 3, 5}},
                        {{2, 4, 3}, {2, 5, 4}, true, true, {2, 3, 5}},
                        {{2, 1, 3, 4}, {3, 4, 2}, false, false, {2, 3, 3, 2}},
                        {{1, 1}, {1, 1}, false, false, {1, 1}},
                        {{0, 4}, {4, 5}, false, false, {0, 5}},
                        {{3, 0}, {0, 5}, false, false, {3, 5}},
                        {{260, 20}, {20, 270}, false, false, {260, 270}},
                        {{700, 10, 12}, {700, 12, 10}, false, false, {700, 10, 10}}};
  std::uint64_t seed = 0;
  for (const Case& c : cases)
    s.push_back({"matmul",
                 {normal(c.a, ++seed), normal(c.b, ++seed)},
                 [=](const Tensors& x) { return g::matmul(x[0], x[1], c.ta, c.tb); },
                 [=](const Grids& x) { return naive_matmul(x[0], x[1], c.ta, c.tb, c.out); },
                 {}});
  enum Activation { kNone, kRelu, kGelu };
  for (const Activation act : {kNone, kRelu, kGelu})
    for (const Shape& rows :
         {Shape{4, 3}, Shape{2, 5, 3}, Shape{3}, Shape{1, 1}, Shape{0, 3}, Shape{700, 100}}) {
      const int64 in = rows[-1], out = in == 1 ? 1 : 100;
      const auto naive = [=](const Grids& x) {
        std::vector<int64> dims(x[0].shape.begin(), x[0].shape.end());
        dims.back() = out;
        return fill(Shape(dims), [&](const Index& i) {
          double total = x.size() == 3 ? x[2]({i.back()}) : 0;
          for (int64 k = 0; k < in; ++k) {
            Index p = i;
            p.back() = k;
            total += x[0](p) * x[1]({i.back(), k});
          }
          return act == kRelu   ? std::max(total, 0.0)
                 : act == kGelu ? total * 0.5 * std::erfc(-total / std::sqrt(2.0))
                                : total;
        });
      };
      // Products are multiples of 1/16 and biases lie halfway between: no output is near the kink of relu.
      const Tensors x{grid(rows, ++seed, 4, 0), grid({out, in}, ++seed, 4, 0), grid({out}, ++seed, 16, 0.5)};
      if (act == kGelu) {
        s.push_back(
            {"linear_gelu", x, [](const Tensors& v) { return g::linear_gelu(v[0], v[1], v[2]); }, naive, {}});
      } else if (act == kRelu) {
        s.push_back(
            {"linear_relu", x, [](const Tensors& v) { return g::linear_relu(v[0], v[1], v[2]); }, naive, {}});
      } else {
        s.push_back({"linear", x, [](const Tensors& v) { return g::linear(v[0], v[1], v[2]); }, naive, {}});
        s.push_back(
            {"linear", {x[0], x[1]}, [](const Tensors& v) { return g::linear(v[0], v[1]); }, naive, {}});
        const int64 r = in == 1 ? 1 : 2;
        const Tensors low{x[0], x[1], grid({r, in}, ++seed, 4, 0), grid({out, r}, ++seed, 4, 0), x[2]};
        const auto naive_low = [=](const Grids& v) {
          std::vector<int64> dims(v[0].shape.begin(), v[0].shape.end());
          dims.back() = out;
          return fill(Shape(dims), [&](const Index& i) {
            double total = v.size() == 5 ? v[4]({i.back()}) : 0;
            for (int64 k = 0; k < in; ++k) {
              Index p = i;
              p.back() = k;
              double w = v[1]({i.back(), k});
              for (int64 j = 0; j < r; ++j) w += 0.5 * v[3]({i.back(), j}) * v[2]({j, k});
              total += v[0](p) * w;
            }
            return total;
          });
        };
        s.push_back(
            {"linear_low_rank",
             low,
             [](const Tensors& v) { return g::linear_low_rank(v[0], v[1], v[4], v[2], v[3], g::real(0.5)); },
             naive_low,
             {}});
        s.push_back(
            {"linear_low_rank",
             {low[0], low[1], low[2], low[3]},
             [](const Tensors& v) { return g::linear_low_rank(v[0], v[1], {}, v[2], v[3], g::real(0.5)); },
             naive_low,
             {}});
      }
    }
  return s;
}

// Calls up(x, w, y), places in the three tensors, for every product in a convolution.
void for_products(const Shape& x, const Shape& w, const Shape& y, const g::ConvSpec& p,
                  const std::function<void(size_t, size_t, size_t)>& up) {
  const int64 out_per_group = w[0] / p.groups;
  for (int64 at = 0; at < y.numel(); ++at) {
    const int64 column = at % y[3], row = at / y[3] % y[2], o = at / (y[3] * y[2]) % y[1],
                n = at / y.stride(0);
    for (int64 k = 0; k < w.stride(0); ++k) {
      const int64 h = row * p.stride_h - p.pad_h + k / w[3] % w[2] * p.dilation_h;
      const int64 v = column * p.stride_w - p.pad_w + k % w[3] * p.dilation_w;
      if (h < 0 || h >= x[2] || v < 0 || v >= x[3]) continue;
      const int64 channel = o / out_per_group * w[1] + k / (w[3] * w[2]);
      up(size_t(((n * x[1] + channel) * x[2] + h) * x[3] + v), size_t(o * w.stride(0) + k), size_t(at));
    }
  }
}
Samples conv_samples() {
  Samples s;
  struct Case {
    Shape x, w;
    g::ConvSpec spec;
    real scale = 1;        // of x and of the cotangent
    double condition = 1;  // see Sample
  };
  const auto scaled = [](const Tensor& t, real by) {
    Tensor small = t.clone();
    real* p = small.mutable_data();
    for (int64 i = 0; i < small.numel(); ++i) p[i] *= by;
    return small;
  };
  const Case cases[] = {
      {{2, 3, 5, 6}, {4, 3, 3, 3}, {}},
      {{2, 3, 5, 6}, {4, 3, 3, 2}, {2, 1, 1, 0, 1, 1, 1}},
      {{1, 2, 7, 7}, {3, 2, 3, 3}, {1, 2, 2, 1, 2, 1, 1}},
      {{2, 4, 5, 5}, {6, 2, 3, 3}, {1, 1, 1, 1, 1, 1, 2}},
      {{2, 4, 5, 5}, {4, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 4}},
      {{2, 3, 4, 4}, {5, 3, 1, 1}, {}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{0, 3, 5, 6}, {4, 3, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
      // Winograd, which rounds more, where vectors are short enough to be filled by 4 images.
      {{4, 8, 16, 16}, {8, 8, 3, 3}, {1, 1, 1, 1, 1, 1, 1}, 1, 4},
      {{16, 8, 5, 6},
       {8, 8, 3, 3},
       {1, 1, 1, 1, 1, 1, 1},
       real(0.5)},  // enough images for Winograd, which rounds more
      {{16, 4, 5, 5}, {6, 2, 3, 3}, {2, 1, 1, 1, 1, 1, 2}},
      // Large: lowered, direct, Winograd.
      {{4, 2, 92, 92}, {2, 2, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
      {{20, 4, 30, 30}, {4, 2, 2, 3}, {1, 1, 0, 1, 1, 1, 2}},
      {{18, 8, 22, 22}, {8, 8, 3, 3}, {1, 1, 1, 1, 1, 1, 1}, 1, 4}};
  std::uint64_t seed = 20;
  for (const Case& c : cases) {
    const Shape ys = g::conv2d_shape(c.x, c.w, c.spec);
    const g::ConvSpec p = c.spec;
    const Tensor x = scaled(normal(c.x, ++seed), c.scale), w = normal(c.w, ++seed),
                 b = normal({c.w[0]}, ++seed), gy = scaled(normal(ys, ++seed), c.scale);
    const auto forward = [=](const Grids& in) {
      std::vector<double> y(size_t(ys.numel()), 0);
      for_products(c.x, c.w, ys, p, [&](size_t i, size_t j, size_t o) { y[o] += in[0].v[i] * in[1].v[j]; });
      if (in.size() == 3)
        for (size_t o = 0; o < y.size(); ++o) y[o] += in[2].v[o / size_t(ys.stride(1)) % size_t(ys[1])];
      return y;
    };
    s.push_back({"conv2d",
                 {x, w},
                 [=](const Tensors& v) { return g::conv2d(v[0], v[1], {}, p); },
                 forward,
                 {},
                 c.condition});
    s.push_back({"conv2d",
                 {x, w, b},
                 [=](const Tensors& v) { return g::conv2d(v[0], v[1], v[2], p); },
                 forward,
                 {},
                 c.condition});
    s.push_back({"conv2d_relu",
                 {grid(c.x, ++seed, 4, 0), grid(c.w, ++seed, 4, 0), grid({c.w[0]}, ++seed, 16, 0.5)},
                 [=](const Tensors& v) { return g::conv2d_relu(v[0], v[1], v[2], p); },
                 [=](const Grids& in) {
                   std::vector<double> y = forward(in);
                   for (double& v : y) v = std::max(v, 0.0);
                   return y;
                 },
                 {},
                 c.condition});
    s.push_back({"conv2d_input_grad",
                 {gy, w},
                 [=](const Tensors& v) { return g::conv2d_input_grad(v[0], v[1], c.x, p); },
                 [=](const Grids& in) {
                   std::vector<double> dx(size_t(c.x.numel()), 0);
                   for_products(c.x, c.w, ys, p,
                                [&](size_t i, size_t j, size_t o) { dx[i] += in[0].v[o] * in[1].v[j]; });
                   return dx;
                 },
                 {},
                 c.condition});
    // Sums over all images and positions: in the large samples so long that they, and their rounding, are far larger
    // than the one that the tolerance is relative to.
    const double length = double(c.x[0] * ys[2] * ys[3]), longer = length > 4096 ? std::sqrt(length) / 8 : 1;
    s.push_back({"conv2d_weight_grad",
                 {gy, x},
                 [=](const Tensors& v) { return g::conv2d_weight_grad(v[0], v[1], c.w, p); },
                 [=](const Grids& in) {
                   std::vector<double> dw(size_t(c.w.numel()), 0);
                   for_products(c.x, c.w, ys, p,
                                [&](size_t i, size_t j, size_t o) { dw[j] += in[0].v[o] * in[1].v[i]; });
                   return dw;
                 },
                 {},
                 c.condition * longer});
  }
  return s;
}

Samples pool_samples() {
  Samples s;
  struct Case {
    Shape x;
    g::PoolSpec spec;
  };
  const Case cases[] = {{{2, 3, 6, 4}, {}},
                        {{2, 2, 7, 7}, {3, 3, 2, 2, 1, 1}},
                        {{1, 2, 5, 6}, {2, 3, 1, 2, 0, 1}},
                        {{1, 1, 1, 1}, {1, 1, 1, 1, 0, 0}},
                        {{0, 2, 4, 4}, {}},
                        {{8, 16, 24, 24}, {}},
                        {{8, 16, 24, 24}, {2, 2, 1, 1, 0, 0}}};
  std::uint64_t seed = 60;
  for (const Case& c : cases) {
    const g::PoolSpec p = c.spec;
    const Shape ys = g::pool2d_shape(c.x, p, "test");
    // Calls f with the places in x that output o sees.
    const auto windows = [=](int64 o, const std::function<void(size_t)>& f) {
      const int64 column = o % ys[3], row = o / ys[3] % ys[2], plane = o / (ys[3] * ys[2]);
      for (int64 k = 0; k < p.kernel_h * p.kernel_w; ++k) {
        const int64 h = row * p.stride_h - p.pad_h + k / p.kernel_w;
        const int64 w = column * p.stride_w - p.pad_w + k % p.kernel_w;
        if (h >= 0 && h < c.x[2] && w >= 0 && w < c.x[3]) f(size_t((plane * c.x[2] + h) * c.x[3] + w));
      }
    };
    const Tensor x = distinct(c.x, ++seed);
    const auto winner = [=](const std::vector<double>& v, int64 o) {
      size_t best = v.size();
      windows(o, [&](size_t i) {
        if (best == v.size() || v[i] > v[best]) best = i;
      });
      return best;
    };
    using Values = std::vector<double>;
    const auto outputs = [=](const std::function<double(int64)>& value) {
      Values y;
      for (int64 o = 0; o < ys.numel(); ++o) y.push_back(value(o));
      return y;
    };
    s.push_back({"max_pool2d",
                 {x},
                 [=](const Tensors& v) { return g::max_pool2d(v[0], p); },
                 [=](const Grids& v) { return outputs([&](int64 o) { return v[0].v[winner(v[0].v, o)]; }); },
                 {}});
    const Values fixed(x.data(), x.data() + x.numel());
    s.push_back({"take_winners",
                 {normal(c.x, ++seed)},
                 [=](const Tensors& v) { return g::max_pool2d_tangent(v[0], x, p); },
                 [=](const Grids& v) { return outputs([&](int64 o) { return v[0].v[winner(fixed, o)]; }); },
                 {}});
    s.push_back({"max_unpool",
                 {normal(ys, ++seed)},
                 [=](const Tensors& v) { return g::max_pool2d_adjoint(v[0], x, p); },
                 [=](const Grids& v) {
                   Values y(size_t(c.x.numel()), 0);
                   for (int64 o = 0; o < ys.numel(); ++o) y[winner(fixed, o)] += v[0].v[size_t(o)];
                   return y;
                 },
                 {}});
    const double share = 1.0 / double(p.kernel_h * p.kernel_w);
    s.push_back({"avg_pool2d",
                 {normal(c.x, ++seed)},
                 [=](const Tensors& v) { return g::avg_pool2d(v[0], p); },
                 [=](const Grids& v) {
                   return outputs([&](int64 o) {
                     double total = 0;
                     windows(o, [&](size_t i) { total += v[0].v[i]; });
                     return total * share;
                   });
                 },
                 {}});
    s.push_back({"avg_pool2d_grad",
                 {normal(ys, ++seed)},
                 [=](const Tensors& v) { return g::avg_pool2d_adjoint(v[0], c.x, p); },
                 [=](const Grids& v) {
                   Values y(size_t(c.x.numel()), 0);
                   for (int64 o = 0; o < ys.numel(); ++o)
                     windows(o, [&](size_t i) { y[i] += v[0].v[size_t(o)] * share; });
                   return y;
                 },
                 {}});
  }
  return s;
}

}  // namespace

TEST_CASE("contract: matrix products") { check_family("matrix product", matmul_samples()); }
TEST_CASE("contract: convolution") { check_family("convolution", conv_samples()); }
TEST_CASE("contract: pooling") { check_family("pooling", pool_samples()); }
