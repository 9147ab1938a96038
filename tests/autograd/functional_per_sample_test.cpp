// Per-sample gradients: closed forms against running each sample by itself, and refusals.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/flat.h"
#include "autograd/functional/per_sample.h"
#include "autograd/grad.h"
#include "autograd/ops/conv.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/rng.h"

using namespace gradus;

namespace {

const double kTolerance = sizeof(real) == 8 ? 1e-12 : 1e-5;

std::vector<Tensor> variables(Rng& rng, std::initializer_list<Shape> shapes) {
  std::vector<Tensor> params;
  for (const Shape& s : shapes) params.push_back(variable(rng.normal_tensor(s, 0, real(0.4))));
  return params;
}

double relative_distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double most = 0, scale = 1e-30;
  for (int64 i = 0; i < a.numel(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
    scale = std::max(scale, std::abs(static_cast<double>(b.data()[i])));
  }
  return most / scale;
}

IntTensor labels_of(int64 n, int64 classes) {
  IntTensor labels({n});
  for (int64 i = 0; i < n; ++i) labels.mutable_data()[i] = (i * 7 + 3) % classes;
  return labels;
}

// Closed forms must serve (or not, as told), equal the loop, add up to the batch's gradient and give the norms.
void check_against_loop(const SampleLosses& f, const std::vector<Tensor>& params, int64 n, bool closed = true,
                        double tolerance = kTolerance) {
  const PerSampleGrads fast = per_sample_gradients(f, params, n);
  const PerSampleGrads slow = per_sample_gradients(f, params, n, PerSampleMethod::kOneByOne);
  CAPTURE(fast.fallback);
  CHECK(fast.fallback.empty() == closed);
  CHECK(!slow.fallback.empty());
  const std::vector<Tensor> whole = grad(f(0, n), params, {.allow_unused = true});
  const PerSampleNorms norms = per_sample_squared_norms(f, params, n);
  CHECK(norms.fallback.empty() == closed);
  CHECK(relative_distance(fast.losses, slow.losses) < tolerance);
  for (size_t i = 0; i < params.size(); ++i) {
    CAPTURE(i);
    CHECK(relative_distance(fast.grads[i], slow.grads[i]) < tolerance);
    if (whole[i].defined()) CHECK(relative_distance(sum(fast.grads[i], {0}), whole[i]) < 10 * tolerance);
    for (int64 k = 0; k < n; ++k) {
      const Tensor g = slow.grads[i].rows(k, k + 1);
      CHECK(static_cast<double>(norms.squared[i].at({k})) ==
            doctest::Approx(inner({&g, 1}, {&g, 1})).epsilon(1e3 * tolerance));
    }
  }
}

const Primitive kMystery{.name = "mystery",
                         .forward = [](const Ctx& c) { return square(c[0].detach()); },
                         .vjp = [](const Ctx& c, const Tensor& g) { return Grads{real(2) * c[0] * g}; },
                         .jvp = [](const Ctx& c, int, const Tensor& t) { return real(2) * c[0] * t; }};

}  // namespace

TEST_CASE("functional: per-sample gradients of linear layers, by hand") {
  const Tensor x = Tensor::from({2, 2}, {1, 2, 3, 4});
  const std::vector<Tensor> params{variable(Tensor::from({1, 2}, {1, -1})), variable(Tensor::zeros({1}))};
  const SampleLosses f = [&](int64 b, int64 e) {
    return reshape(square(linear(x.rows(b, e), params[0], params[1])), {-1});
  };
  const PerSampleGrads r = per_sample_gradients(f, params, 2);  // 2 y x with y = -1, -1
  CHECK(r.fallback.empty());
  CHECK(r.losses.values() == std::vector<real>{1, 1});
  CHECK(r.grads[0].shape() == Shape{2, 1, 2});
  CHECK(r.grads[0].values() == std::vector<real>{-2, -4, -6, -8});
  CHECK(r.grads[1].values() == std::vector<real>{-2, -2});
  CHECK(per_sample_squared_norms(f, params, 2).squared[0].values() == std::vector<real>{20, 100});
}

TEST_CASE("functional: per-sample gradients of an MLP and of a convolutional network") {
  Rng rng(1);
  const int64 n = 6;
  const IntTensor labels = labels_of(n, 4);
  {
    const Tensor x = rng.normal_tensor({n, 5});
    const auto p = variables(rng, {{8, 5}, {8}, {4, 8}, {4}});
    check_against_loop(
        [&](int64 b, int64 e) {
          return cross_entropy(linear(linear_relu(x.rows(b, e), p[0], p[1]), p[2], p[3]), labels.rows(b, e),
                               Reduction::kNone, real(0.1));
        },
        p, n);
    const Tensor rows = rng.normal_tensor({n, 3, 5});
    check_against_loop(
        [&](int64 b, int64 e) {
          return mean(square(linear(linear_gelu(rows.rows(b, e), p[0], p[1]), p[2], p[3])), {1, 2});
        },
        p, n);
  }
  {
    const Tensor x = rng.normal_tensor({n, 2, 8, 8});
    const auto p = variables(rng, {{4, 2, 3, 3}, {4}, {6, 2, 3, 3}, {4, 24}, {4}});
    check_against_loop(
        [&](int64 b, int64 e) {
          Tensor h = max_pool2d(relu(conv2d(x.rows(b, e), p[0], p[1])), pool_spec(2));
          h = tanh(conv2d(h, p[2], {}, {.pad_h = 1, .pad_w = 1, .groups = 2}));
          h = avg_pool2d(
              h, {.kernel_h = 3, .kernel_w = 3, .stride_h = 1, .stride_w = 1, .pad_h = 1, .pad_w = 1});
          h = max_pool2d(h, {.kernel_h = 2, .kernel_w = 2, .stride_h = 1, .stride_w = 1});
          return cross_entropy(linear(flatten(h, 1), p[3], p[4]), labels.rows(b, e), Reduction::kNone);
        },
        p, n);
  }
}

TEST_CASE("functional: per-sample gradients in several parts, with many channels and large matrices") {
  Rng rng(11);
  const int64 n = 37;  // two parts
  const IntTensor labels = labels_of(n, 4);
  const Tensor x = rng.normal_tensor({n, 8, 6, 5}), wide = rng.normal_tensor({n, 512});
  const auto p = variables(rng, {{9, 8, 3, 3}, {9}, {20, 9, 3, 3}, {4, 240}});
  check_against_loop(
      [&](int64 b, int64 e) {
        const Tensor h = conv2d_relu(x.rows(b, e), p[0], p[1], {.pad_h = 1, .pad_w = 1});
        return cross_entropy(linear(flatten(conv2d(h, p[2]), 1), p[3]), labels.rows(b, e), Reduction::kNone);
      },
      p, n, true,
      sizeof(real) == 8 ? kTolerance
                        : 4e-5);  // two convolutions by Winograd, 2e-5 each, if the batch fills the lanes
  const auto q = variables(rng, {{512, 512}, {4, 512}});  // a part's gradients are 19 MB and more
  const SampleLosses f = [&](int64 b, int64 e) {
    return cross_entropy(linear(tanh(linear(wide.rows(b, e), q[0])), q[1]), labels.rows(b, e),
                         Reduction::kNone);
  };
  const PerSampleGrads r = per_sample_gradients(f, q, n);
  CHECK(r.fallback.empty());
  for (const int64 k : {int64{0}, int64{17}, int64{36}}) {
    const std::vector<Tensor> alone = grad(f(k, k + 1), q);
    CHECK(relative_distance(r.grads[0].rows(k, k + 1).view(q[0].shape()), alone[0]) < kTolerance);
    CHECK(relative_distance(r.losses.rows(k, k + 1), f(k, k + 1).detach()) < kTolerance);
  }
}

TEST_CASE("functional: per-sample gradients of a transposed convolution, norms of groups and pieces") {
  Rng rng(8);
  const int64 n = 4;
  const Tensor x = rng.normal_tensor({n, 3, 4, 4});
  const auto p = variables(rng, {{3, 2, 3, 3}, {4}, {4}, {2}, {2}, {1}, {12}});
  const Tensor mean_of = rng.normal_tensor({2}), var_of = rng.uniform_tensor({2}, real(0.5), 2);
  check_against_loop(
      [&](int64 b, int64 e) {
        Tensor h = conv_transpose2d(x.rows(b, e), p[0], {}, {.stride_h = 2, .stride_w = 2, .groups = 1}, 1);
        h = batch_norm_eval(h, mean_of, var_of, p[3], p[4], real(1e-5));
        const Tensor parts[] = {h, flip(h, 1)};
        h = group_norm(concat(parts, 1), 2, p[1], p[2]);
        h = where(greater(h, Tensor::scalar(0)), h, h * p[5]);
        h = max(slice(pad(h, {0, 0, 1, 0}, {0, 0, 0, 1}), 2, 1, 9), {2});
        const Tensor lse = logsumexp(cumsum(h, 2), {1});
        return sum(lse / exp(slice(p[6], 0, 1, 1 + lse.dim(1))), {1});
      },
      p, n);
}

TEST_CASE("functional: per-sample gradients of a transformer block with tied embedding") {
  Rng rng(2);
  const int64 n = 3, t = 5, d = 8, vocabulary = 7;
  IntTensor ids({n, t}), next({n * t});
  for (int64 i = 0; i < n * t; ++i) {
    ids.mutable_data()[i] = rng.below(vocabulary);
    next.mutable_data()[i] = rng.below(vocabulary);
  }
  // embedding and head (tied), positions, q, k, v, projection with bias, two layer norms
  const auto p =
      variables(rng, {{vocabulary, d}, {9, d}, {d, d}, {d, d}, {d, d}, {d, d}, {d}, {d}, {d}, {d}});
  check_against_loop(
      [&](int64 b, int64 e) {
        const int64 m = e - b;
        const auto heads = [&](const Tensor& x) {
          return permute(reshape(x, {m, t, 2, d / 2}), {0, 2, 1, 3});
        };
        Tensor h = embedding(p[0], ids.rows(b, e)) + slice(p[1], 0, 0, t);
        const Tensor a = layer_norm(h, p[7], p[8]);
        const Tensor mixed =
            attention(heads(linear(a, p[2])), heads(linear(a, p[3])), heads(linear(a, p[4])), true);
        h = h + linear(reshape(permute(mixed, {0, 2, 1, 3}), {m, t, d}), p[5], p[6]);
        h = rms_norm(h, p[9]);
        const Tensor logits = linear(reshape(h, {m * t, d}), p[0]);
        const Tensor losses = cross_entropy(logits, next.rows(b * t, e * t), Reduction::kNone);
        return mean(reshape(losses, {m, t}), {1});
      },
      p, n);
}

TEST_CASE("functional: per-sample gradients through tensors computed from parameters") {
  Rng rng(3);
  const int64 n = 4;
  const Tensor x = rng.normal_tensor({n, 3, 5, 5}), y = rng.normal_tensor({n, 2});
  // Weight normalisation w = g v / |v|, channel gains by reshape, a class token by broadcasting, a product with a matrix.
  const auto p = variables(rng, {{2, 3, 3, 3}, {2, 1, 1, 1}, {2}, {1, 1, 9}, {9, 2}});
  check_against_loop(
      [&](int64 b, int64 e) {
        const Tensor w = p[1] * p[0] / norm(p[0], {1, 2, 3}, true);
        Tensor h = conv2d(x.rows(b, e), w) * reshape(p[2], {2, 1, 1});
        h = reshape(h, {e - b, 2, 9});
        const Tensor parts[] = {h, broadcast_to(p[3], Shape{e - b, 1, 9})};
        h = matmul(sin(concat(parts, 1)), p[4]);
        return sum(square(mean(h, {1}) - y.rows(b, e)), {1});
      },
      p, n);
}

TEST_CASE("functional: a batch as long as another axis is not confused with it") {
  Rng rng(4);
  const int64 n = 3;  // also the length of the sequence and of the features
  const Tensor x = rng.normal_tensor({n, n, n});
  const auto p = variables(rng, {{n, n}, {n, n}, {n}});
  // Time first: sample k is x[:, k, :].
  check_against_loop(
      [&](int64 b, int64 e) {
        const Tensor steps = slice(x, 1, b, e);
        return sum(sum(tanh(linear(steps, p[0] * p[1], p[2])), {0}), {1});
      },
      p, n, false);
  // Samples first, added positions of the same extent.
  check_against_loop(
      [&](int64 b, int64 e) {
        return sum(tanh(linear(x.rows(b, e), p[0], p[2]) + p[1]), {1, 2});
      },
      p, n);
}

TEST_CASE("functional: per-sample gradients fall back to the loop for primitives they do not know") {
  Rng rng(5);
  const Tensor x = rng.normal_tensor({4, 3});
  const auto p = variables(rng, {{2, 3}, {2}});
  const SampleLosses f = [&](int64 b, int64 e) {
    return sum(apply(kMystery, {linear(x.rows(b, e), p[0], p[1])}), {1});
  };
  check_against_loop(f, p, 4, false);
  CHECK(per_sample_gradients(f, p, 4).fallback.find("mystery") != std::string::npos);
}

TEST_CASE("functional: a softmax over the samples is no row-by-row call") {
  Rng rng(9);
  const Tensor x = rng.normal_tensor({4, 3});
  const auto p = variables(rng, {{1, 3}});
  CHECK_THROWS_AS(
      per_sample_gradients(
          [&](int64 b, int64 e) { return softmax(reshape(linear(x.rows(b, e), p[0]), {-1})); }, p, 4),
      GraphError);
}

TEST_CASE("functional: per-sample gradients of fused self-attention and one-sided norms") {
  Rng rng(10);
  const Tensor x = rng.normal_tensor({3, 4, 6});
  const auto p = variables(rng, {{18, 6}, {6}, {6}});
  check_against_loop(
      [&](int64 b, int64 e) {
        const Tensor h = self_attention(linear(x.rows(b, e), p[0]), 1, false);
        return sum(layer_norm(h, p[1], {}) * layer_norm(h, {}, p[2]).detach() + layer_norm(h, {}, p[2]),
                   {1, 2});
      },
      p, 3);
}

TEST_CASE("functional: per-sample gradients refuse what has none") {
  Rng rng(6);
  const Tensor x = rng.normal_tensor({4, 3});
  const auto p = variables(rng, {{2, 3}, {2}});
  const SampleLosses batch = [&](int64 b, int64 e) {
    return sum(batch_norm(linear(x.rows(b, e), p[0]), p[1], {}, real(1e-5)), {1});
  };
  CHECK_THROWS_WITH_AS(per_sample_gradients(batch, p, 4), doctest::Contains("batch_norm mixes the samples"),
                       GraphError);
  const SampleLosses centred = [&](int64 b, int64 e) {
    const Tensor y = linear(x.rows(b, e), p[0], p[1]);
    return sum(square(y - mean(y, {0}, true)), {1});
  };
  CHECK_THROWS_AS(per_sample_gradients(centred, p, 4), GraphError);
  CHECK_THROWS_AS(per_sample_squared_norms(centred, p, 4), GraphError);
  const SampleLosses one_number = [&](int64 b, int64 e) { return mean(linear(x.rows(b, e), p[0])); };
  CHECK_THROWS_AS(per_sample_gradients(one_number, p, 4), ShapeError);
  CHECK_THROWS_AS(per_sample_gradients(batch, p, 0), ShapeError);
  const std::vector<Tensor> constants{Tensor::zeros({2, 3})};
  CHECK_THROWS_AS(per_sample_gradients(centred, constants, 4), GraphError);
}

TEST_CASE("functional: per-sample gradients of an unused parameter are zeros") {
  Rng rng(7);
  const Tensor x = rng.normal_tensor({3, 2});
  const auto p = variables(rng, {{1, 2}, {5}});
  const PerSampleGrads r =
      per_sample_gradients([&](int64 b, int64 e) { return reshape(linear(x.rows(b, e), p[0]), {-1}); }, p, 3);
  CHECK(r.fallback.empty());
  CHECK(r.grads[1].values() == std::vector<real>(15, 0));
  CHECK(relative_distance(r.grads[0].view({3, 2}), x) == 0);
}
