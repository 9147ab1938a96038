// Samples of softmax, losses, normalisation and attention.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "tests/autograd/contract.h"

using namespace contract;
namespace g = gradus;

namespace {

// log sum_j exp(x_j) over the last axis of the row that `i` lies in.
double row_lse(const Grid& x, Index i) {
  double total = 0;
  for (i.back() = 0; i.back() < x.shape[-1]; ++i.back()) total += std::exp(x(i));
  return std::log(total);
}

Samples softmax_samples() {
  Samples s;
  std::uint64_t seed = 0;
  for (const Shape& shape :
       {Shape{3, 5}, Shape{2, 3, 4}, Shape{4}, Shape{3, 1}, Shape{1}, Shape{0, 3}, Shape{1000, 70}}) {
    s.push_back({"softmax",
                 {normal(shape, ++seed)},
                 [](const Tensors& x) { return g::softmax(x[0]); },
                 [](const Grids& x) {
                   return fill(x[0].shape,
                               [&](const Index& i) { return std::exp(x[0](i) - row_lse(x[0], i)); });
                 },
                 {}});
    s.push_back({"log_softmax",
                 {normal(shape, ++seed)},
                 [](const Tensors& x) { return g::log_softmax(x[0]); },
                 [](const Grids& x) {
                   return fill(x[0].shape, [&](const Index& i) { return x[0](i) - row_lse(x[0], i); });
                 },
                 {}});
  }
  s.push_back({"softmax",
               {normal({3, 4, 2}, ++seed)},
               [](const Tensors& x) { return g::softmax(x[0], 1); },
               [](const Grids& x) {
                 return fill(x[0].shape, [&](const Index& i) {
                   double total = 0;
                   for (int64 j = 0; j < 4; ++j) total += std::exp(x[0]({i[0], j, i[2]}));
                   return std::exp(x[0](i)) / total;
                 });
               },
               {}});
  for (const auto& [rows, classes] : {std::pair<int64, int64>{5, 4}, {1, 1}, {0, 3}, {700, 100}})
    for (const double smoothing : {0.0, 0.25}) {
      IntTensor labels{Shape{rows}};
      for (int64 i = 0; i < rows; ++i) labels.mutable_data()[i] = i * 7 % classes;
      const int64 n = classes;
      s.push_back({"cross_entropy",
                   {normal({rows, classes}, ++seed)},
                   [=](const Tensors& x) {
                     return g::cross_entropy(x[0], labels, g::Reduction::kNone, static_cast<real>(smoothing));
                   },
                   [=](const Grids& x) {
                     return fill({x[0].shape[0]}, [&](const Index& i) {
                       const double lse = row_lse(x[0], {i[0], 0});
                       double mean = 0;
                       for (int64 j = 0; j < n; ++j) mean += (lse - x[0]({i[0], j})) / double(n);
                       return (1 - smoothing) * (lse - x[0]({i[0], labels[i[0]]})) + smoothing * mean;
                     });
                   },
                   {}});
    }
  return s;
}

// A norm by plain loops: `group(i)` lists what element i is normalised with; `channel(i)` indexes the gains.
Naive norm_loops(double eps, bool centred, bool weight, bool bias,
                 const std::function<std::vector<Index>(const Shape&, const Index&)>& group,
                 const std::function<int64(const Index&)>& channel) {
  return [=](const Grids& x) {
    return fill(x[0].shape, [&](const Index& i) {
      const std::vector<Index> all = group(x[0].shape, i);
      const double n = double(all.size());
      double mean = 0, var = 0;
      if (centred)
        for (const Index& j : all) mean += x[0](j) / n;
      for (const Index& j : all) var += (x[0](j) - mean) * (x[0](j) - mean) / n;
      double y = (x[0](i) - mean) / std::sqrt(var + eps);
      if (weight) y *= x[1]({channel(i)});
      if (bias) y += x.back()({channel(i)});
      return y;
    });
  };
}

// y = (x - mean) / sqrt(var + eps) w + b with the statistics of a channel, axis 1, over all others.
Naive batch_norm_loops(double eps, bool affine, bool relu) {
  return [=](const Grids& x) {
    const Shape& shape = x[0].shape;
    const double count = double(shape.numel()) / double(shape[1]);
    std::vector<double> mean(size_t(shape[1]), 0), var(mean);
    each(shape, [&](const Index& i) { mean[size_t(i[1])] += x[0](i) / count; });
    each(shape, [&](const Index& i) {
      const double d = x[0](i) - mean[size_t(i[1])];
      var[size_t(i[1])] += d * d / count;
    });
    return fill(shape, [&](const Index& i) {
      const size_t c = size_t(i[1]);
      double y = (x[0](i) - mean[c]) / std::sqrt(var[c] + eps);
      if (affine) y = y * x[1].v[c] + x[2].v[c];
      return relu ? std::max(y, 0.0) : y;
    });
  };
}

Samples norm_samples() {
  Samples s;
  std::uint64_t seed = 50;
  const auto row = [](const Shape& shape, const Index& i) {
    std::vector<Index> all(static_cast<size_t>(shape[-1]), i);
    for (size_t j = 0; j < all.size(); ++j) all[j].back() = int64(j);
    return all;
  };
  const auto last = [](const Index& i) { return i.back(); };
  const real eps = real(0.125);
  const auto gains = [&](const Tensor& x, int64 n, bool weight, bool bias) {
    Tensors in{x};
    if (weight) in.push_back(normal({n}, ++seed));
    if (bias) in.push_back(normal({n}, ++seed));
    return in;
  };
  for (const Shape& shape :
       {Shape{3, 5}, Shape{2, 3, 4}, Shape{4}, Shape{2, 1}, Shape{1}, Shape{0, 3}, Shape{900, 80}})
    for (const auto& [weight, bias] : {std::pair{true, true}, {true, false}, {false, false}}) {
      if (shape.numel() > 1000 && !weight) continue;
      const bool w = weight, b = bias;
      s.push_back({"layer_norm",
                   gains(normal(shape, ++seed), shape[-1], w, b),
                   [=](const Tensors& x) {
                     return g::layer_norm(x[0], w ? x[1] : Tensor(), b ? x.back() : Tensor(), eps);
                   },
                   norm_loops(double(eps), true, w, b, row, last),
                   {}});
      if (!b)
        s.push_back({"rms_norm",
                     gains(normal(shape, ++seed), shape[-1], w, false),
                     [=](const Tensors& x) { return g::rms_norm(x[0], w ? x[1] : Tensor(), eps); },
                     norm_loops(double(eps), false, w, false, row, last),
                     {}});
    }
  s.push_back({"layer_norm",
               {normal({2, 4}, ++seed), normal({4}, ++seed)},
               [=](const Tensors& x) { return g::layer_norm(x[0], {}, x[1], eps); },
               norm_loops(double(eps), true, false, true, row, last),
               {}});
  s.push_back({"layer_norm",
               {normal({2, 6, 3}, ++seed), normal({6}, ++seed), normal({6}, ++seed)},
               [=](const Tensors& x) { return g::group_norm(x[0], 2, x[1], x[2], eps); },
               norm_loops(
                   double(eps), true, true, true,
                   [](const Shape&, const Index& i) {
                     std::vector<Index> all;
                     for (int64 c = 0; c < 3; ++c)
                       for (int64 k = 0; k < 3; ++k) all.push_back({i[0], i[1] / 3 * 3 + c, k});
                     return all;
                   },
                   [](const Index& i) { return i[1]; }),
               {}});
  for (const Shape& shape : {Shape{5, 3}, Shape{3, 2, 4}, Shape{2, 3, 2, 3}, Shape{4, 1, 1, 1}, Shape{1, 1},
                             Shape{0, 3, 2}, Shape{30, 5, 21, 22}})
    for (const bool relu : {false, true})
      for (const bool affine : {true, false}) {
        Tensors in = gains(normal(shape, ++seed), shape[1], affine, affine);
        if (relu &&
            shape.numel() > 1000) {  // so many that some would fall on the kink: a gap around the mean
          in[0] = away(shape, ++seed);
          if (affine)
            in[1] = away({shape[1]}, ++seed),
            in[2] = Rng(++seed).uniform_tensor({shape[1]}, real(-0.03), real(0.03));
        }
        s.push_back({"batch_norm",
                     in,
                     [=](const Tensors& x) {
                       const Tensor w = affine ? x[1] : Tensor(), b = affine ? x[2] : Tensor();
                       return relu ? g::batch_norm_relu(x[0], w, b, eps) : g::batch_norm(x[0], w, b, eps);
                     },
                     batch_norm_loops(double(eps), affine, relu),
                     {}});
      }
  for (const Shape& shape :
       {Shape{5, 3}, Shape{2, 3, 2, 3}, Shape{1, 1}, Shape{0, 3, 2}, Shape{4, 3, 80, 80}}) {
    const Shape channels{shape[1]};
    s.push_back({"channel_affine",
                 {normal(shape, ++seed), normal(channels, ++seed), positive(channels, ++seed),
                  normal(channels, ++seed), normal(channels, ++seed)},
                 [=](const Tensors& x) { return g::batch_norm_eval(x[0], x[1], x[2], x[3], x[4], eps); },
                 [=](const Grids& x) {
                   return fill(x[0].shape, [&](const Index& i) {
                     const Index c{i[1]};
                     return (x[0](i) - x[1](c)) / std::sqrt(x[2](c) + double(eps)) * x[3](c) + x[4](c);
                   });
                 },
                 {}});
  }
  return s;
}

// One output of attention for the head whose q, k, v are read through functions of (position, column).
using Reader = std::function<double(int64, int64)>;
double attend(const Reader& q, const Reader& k, const Reader& v, int64 t, int64 column, int64 keys,
              int64 width, bool causal, double scale) {
  double weight = 0, total = 0;
  for (int64 s = 0; s < (causal ? t + 1 : keys); ++s) {
    double score = 0;
    for (int64 d = 0; d < width; ++d) score += q(t, d) * k(s, d) * scale;
    weight += std::exp(score);
    total += std::exp(score) * v(s, column);
  }
  return total / weight;
}

Samples attention_samples() {
  Samples s;
  std::uint64_t seed = 200;
  struct Case {
    Shape q, k, v;
    bool causal;
  };
  const Case cases[] = {{{3, 4}, {5, 4}, {5, 2}, false},
                        {{2, 3, 4}, {2, 3, 4}, {2, 3, 4}, true},
                        {{2, 2, 5, 3}, {2, 2, 5, 3}, {2, 2, 5, 3}, true},
                        {{2, 2, 3, 4}, {2, 2, 6, 4}, {2, 2, 6, 5}, false},
                        {{1, 1}, {1, 1}, {1, 1}, true},
                        {{0, 3, 4}, {0, 3, 4}, {0, 3, 2}, true},
                        {{4, 1100, 4, 4}, {4, 1100, 4, 4}, {4, 1100, 4, 4}, false},
                        {{2, 40, 8}, {2, 40, 8}, {2, 40, 8}, true},
                        {{1, 140, 4}, {1, 140, 4}, {1, 140, 4}, true}};
  for (const Case& c : cases)
    s.push_back({"attention",
                 {normal(c.q, ++seed), normal(c.k, ++seed), normal(c.v, ++seed)},
                 [=](const Tensors& x) { return g::attention(x[0], x[1], x[2], c.causal); },
                 [=](const Grids& x) {
                   std::vector<int64> dims(c.q.begin(), c.q.end());
                   dims.back() = c.v[-1];
                   return fill(Shape(dims), [&](const Index& i) {
                     const auto reader = [&](const Grid& m) {
                       return [&m, i](int64 row, int64 column) {
                         Index j = i;
                         j[j.size() - 2] = row;
                         j.back() = column;
                         return m(j);
                       };
                     };
                     return attend(reader(x[0]), reader(x[1]), reader(x[2]), i[i.size() - 2], i.back(),
                                   c.k[-2], c.q[-1], c.causal, 1 / std::sqrt(double(c.q[-1])));
                   });
                 },
                 {}});
  for (const auto& [b, t, heads, d] : {std::array<int64, 4>{2, 3, 2, 2},
                                       {1, 6, 3, 4},
                                       {1, 1, 1, 1},
                                       {0, 3, 2, 2},
                                       {2, 33, 2, 8},
                                       {700, 4, 2, 4}})
    for (const bool causal : {false, true}) {
      const int64 h = heads, width = d, steps = t, c = h * width;
      s.push_back({"self_attention",
                   {normal({b, t, 3 * c}, ++seed)},
                   [=](const Tensors& x) { return g::self_attention(x[0], h, causal); },
                   [=](const Grids& x) {
                     return fill({x[0].shape[0], steps, c}, [&](const Index& i) {
                       const int64 head = i[2] / width;
                       const auto reader = [&](int64 part) {
                         return [&x, i, part, c, head, width](int64 row, int64 column) {
                           return x[0]({i[0], row, part * c + head * width + column});
                         };
                       };
                       return attend(reader(0), reader(1), reader(2), i[1], i[2] % width, steps, width,
                                     causal, 1 / std::sqrt(double(width)));
                     });
                   },
                   {}});
    }
  return s;
}

}  // namespace

TEST_CASE("contract: softmax and losses") { check_family("softmax and losses", softmax_samples()); }
TEST_CASE("contract: normalisation") { check_family("normalisation", norm_samples()); }
TEST_CASE("contract: attention") { check_family("attention", attention_samples()); }
