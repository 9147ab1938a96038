// The fused fast paths of normalisation, softmax, cross-entropy and attention against their composites: values,
// gradients, and second derivatives (which come from the composite either way, but must start from the fused
// forward pass).
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"

using namespace gradus;

namespace {

using Inputs = std::vector<Tensor>;
using Function = std::function<Tensor(const Inputs&)>;

// Largest difference, relative to the largest element of b.
double difference(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return INFINITY;
  double worst = 0, scale = 1e-3;
  for (int64 i = 0; i < a.numel(); ++i) {
    const double d = std::fabs(double(a.data()[i]) - double(b.data()[i]));
    if (!(d <= 1e300)) return INFINITY;
    worst = std::max(worst, d);
    scale = std::max(scale, std::fabs(double(b.data()[i])));
  }
  return worst / scale;
}

void check_equal(const Function& fused, const Function& composite, const Inputs& values) {
  const double tolerance = sizeof(real) == 8 ? 1e-11 : 3e-5;
  const auto derive = [&](const Function& f) {
    Inputs in;
    for (const Tensor& v : values) in.push_back(variable(v));
    const Tensor y = f(in);
    const Tensor weights = Rng(11).normal_tensor(y.shape());
    const std::vector<Tensor> first = grad(sum(y * weights), in, {.retain_graph = true});
    const std::vector<Tensor> again = grad(sum(y * weights), in, {.create_graph = true});
    Tensor total = Tensor::zeros({});
    for (const Tensor& g : again) total = total + sum(g * Rng(12).normal_tensor(g.shape()));
    std::vector<Tensor> all = grad(total, in, {.allow_unused = true});
    for (size_t i = 0; i < all.size(); ++i)
      if (!all[i].defined()) all[i] = Tensor::zeros(values[i].shape());
    all.insert(all.begin(), first.begin(), first.end());
    all.insert(all.begin(), y);
    return all;
  };
  const auto a = derive(fused), b = derive(composite);
  for (size_t i = 0; i < a.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(a[i], b[i]) < tolerance);
  }
}

Tensor standardized(const Tensor& x, const Axes& axes, real eps) {
  const Tensor d = x - mean(x, axes, true);
  return d * rsqrt(mean(square(d), axes, true) + eps);
}

}  // namespace

TEST_CASE("fused: layer_norm and rms_norm equal their composites to second order") {
  Rng rng(1);
  const Inputs in{rng.normal_tensor({6, 9}, 1, 2), rng.normal_tensor({9}), rng.normal_tensor({9})};
  check_equal([](const Inputs& t) { return layer_norm(t[0], t[1], t[2], real(1e-5)); },
              [](const Inputs& t) { return standardized(t[0], {-1}, real(1e-5)) * t[1] + t[2]; }, in);
  check_equal(
      [](const Inputs& t) { return rms_norm(t[0], t[1], real(1e-5)); },
      [](const Inputs& t) { return t[0] * rsqrt(mean(square(t[0]), {-1}, true) + real(1e-5)) * t[1]; },
      {in[0], in[1]});
}

TEST_CASE("fused: batch_norm, with and without relu, equals its composite to second order") {
  Rng rng(2);
  const Inputs in{rng.normal_tensor({5, 3, 4, 2}, 1, 2), rng.normal_tensor({3}, 1, real(0.2)),
                  rng.normal_tensor({3})};
  const auto composite = [](const Inputs& t) {
    return standardized(t[0], {0, 2, 3}, real(1e-5)) * reshape(t[1], Shape{3, 1, 1}) +
           reshape(t[2], Shape{3, 1, 1});
  };
  Tensor batch_mean, batch_var;
  check_equal(
      [&](const Inputs& t) { return batch_norm(t[0], t[1], t[2], real(1e-5), &batch_mean, &batch_var); },
      composite, in);
  CHECK(difference(batch_mean, mean(in[0], {0, 2, 3})) < 1e-5);
  CHECK(difference(batch_var, var(in[0], {0, 2, 3}, false, 0)) < 1e-5);
  check_equal([](const Inputs& t) { return batch_norm_relu(t[0], t[1], t[2], real(1e-5)); },
              [&](const Inputs& t) { return relu(composite(t)); }, in);
  Inputs with_shortcut = in;
  with_shortcut.push_back(rng.normal_tensor({5, 3, 4, 2}));
  check_equal([](const Inputs& t) { return batch_norm_add_relu(t[0], t[1], t[2], t[3], real(1e-5)); },
              [&](const Inputs& t) { return relu(composite(t) + t[3]); }, with_shortcut);
  CHECK_THROWS_AS(batch_norm_add_relu(in[0], in[1], in[2], Tensor::zeros({5, 3, 4}), real(1e-5)), ShapeError);
}

TEST_CASE("fused: all gradients of a convolution at once equal the separate ones to second order") {
  Rng rng(8);
  struct Case {
    Shape x, w;
    ConvSpec spec;
  };
  // Winograd and direct; a few images are lowered. Rest tiles in both directions.
  const Case cases[] = {{{18, 8, 7, 6}, {9, 8, 3, 3}, {.pad_h = 1, .pad_w = 1}},
                        {{16, 3, 7, 6}, {5, 3, 3, 3}, {.stride_h = 2, .stride_w = 2}},
                        {{1, 3, 5, 5}, {2, 3, 2, 2}, {}}};
  for (const Case& c : cases) {
    const Inputs in{rng.normal_tensor(c.x), rng.normal_tensor(c.w, 0, real(0.3)),
                    rng.normal_tensor({c.w[0]})};
    const auto separate = [&](const Inputs& t) {
      return conv2d(t[0], t[1], {}, c.spec) + reshape(t[2], Shape{c.w[0], 1, 1});
    };
    check_equal([&](const Inputs& t) { return conv2d(t[0], t[1], t[2], c.spec); }, separate, in);
    check_equal([&](const Inputs& t) { return conv2d_relu(t[0], t[1], t[2], c.spec); },
                [&](const Inputs& t) { return relu(separate(t)); }, in);
  }
}

TEST_CASE("fused: softmax, log_softmax and cross_entropy equal their composites to second order") {
  Rng rng(3);
  const Inputs in{rng.normal_tensor({4, 7}, 0, 2)};
  const IntTensor labels = IntTensor::from({4}, {6, 0, 3, 3});
  const auto log_p = [](const Tensor& x) { return x - logsumexp(x, {-1}, true); };
  check_equal([](const Inputs& t) { return softmax(t[0]); },
              [&](const Inputs& t) { return exp(log_p(t[0])); }, in);
  check_equal([](const Inputs& t) { return log_softmax(t[0]); }, [&](const Inputs& t) { return log_p(t[0]); },
              in);
  for (const real s : {real(0), real(0.1)})
    check_equal([&](const Inputs& t) { return cross_entropy(t[0], labels, Reduction::kNone, s); },
                [&](const Inputs& t) {
                  const Tensor l = log_p(t[0]);
                  const Tensor nll = neg(reshape(gather(l, 1, labels.view({4, 1})), Shape{4}));
                  return (1 - s) * nll - s * mean(l, {1});
                },
                in);
}

TEST_CASE("fused: linear with relu and gelu equals its composite to second order") {
  Rng rng(6);
  // Few rows, and rows enough for all gradients in one pass.
  for (const int64 rows : {4, 450}) {
    const Inputs in{rng.normal_tensor({rows, 7}), rng.normal_tensor({5, 7}, 0, real(0.3)),
                    rng.normal_tensor({5})};
    const auto product = [](const Inputs& t) { return matmul(t[0], t[1], false, true) + t[2]; };
    check_equal([](const Inputs& t) { return linear(t[0], t[1], t[2]); }, product, in);
    check_equal([](const Inputs& t) { return linear_relu(t[0], t[1], t[2]); },
                [&](const Inputs& t) { return relu(product(t)); }, in);
    check_equal([](const Inputs& t) { return linear_gelu(t[0], t[1], t[2]); },
                [&](const Inputs& t) { return gelu(product(t)); }, in);
  }
}

TEST_CASE("fused: a weight with a product of thin matrices equals its composite to second order") {
  Rng rng(8);
  for (const int64 rows : {3, 450}) {
    const Inputs in{rng.normal_tensor({rows, 7}), rng.normal_tensor({5, 7}, 0, real(0.3)),
                    rng.normal_tensor({2, 7}), rng.normal_tensor({5, 2}, 0, real(0.3)),
                    rng.normal_tensor({5})};
    const auto product = [](const Inputs& t) {
      return matmul(t[0], t[1] + matmul(t[3], t[2]) * real(0.7), false, true);
    };
    check_equal([](const Inputs& t) { return linear_low_rank(t[0], t[1], t[4], t[2], t[3], real(0.7)); },
                [&](const Inputs& t) { return product(t) + t[4]; }, in);
    // As beside a frozen weight: it has no gradient.
    const Tensor frozen = in[1];
    check_equal([&](const Inputs& t) { return linear_low_rank(t[0], frozen, {}, t[1], t[2], real(0.7)); },
                [&](const Inputs& t) {
                  return product({t[0], frozen, t[1], t[2]});
                },
                {in[0], in[2], in[3]});
  }
  CHECK_THROWS_AS(linear_low_rank(Tensor::zeros({2, 3}), Tensor::zeros({4, 3}), {}, Tensor::zeros({2, 3}),
                                  Tensor::zeros({4, 1}), 1),
                  ShapeError);
}

TEST_CASE("fused: attention equals its composite to second order") {
  Rng rng(4);
  const Inputs in{rng.normal_tensor({2, 3, 5, 4}), rng.normal_tensor({2, 3, 5, 4}),
                  rng.normal_tensor({2, 3, 5, 4})};
  for (const bool causal : {false, true}) {
    Tensor mask = Tensor::zeros({5, 5});
    for (int64 i = 0; causal && i < 5; ++i)
      for (int64 j = i + 1; j < 5; ++j) mask.mutable_data()[i * 5 + j] = -INFINITY;
    check_equal([&](const Inputs& t) { return attention(t[0], t[1], t[2], causal); },
                [&](const Inputs& t) {
                  const Tensor scores = matmul(t[0], t[1], false, true) * real(0.5) + mask;
                  return matmul(exp(scores - logsumexp(scores, {-1}, true)), t[2]);
                },
                in);
  }
}
