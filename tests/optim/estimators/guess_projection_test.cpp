// Projections on guesses, and blocks trained by them: the card's figures.
#include "optim/estimators/guess_projection.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/rng.h"
#include "optim/estimators/local_guess.h"
#include "tests/precision.h"

namespace gradus::guess_projection_tests {

const double kTight = tests::kDouble ? 1e-10 : 2e-4;

double gap(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  for (int64 i = 0; i < a.numel(); ++i)
    worst = std::max(worst, std::abs(double(a.data()[i]) - double(b.data()[i])));
  return worst;
}

TEST_CASE("guess projection: by hand; scale and sign of the guess do not matter") {
  const Tensor t = Tensor::from({2}, {3, 1});
  CHECK(projected(t, Tensor::from({2}, {1, 1})).values() == std::vector<real>{2, 2});
  CHECK(gap(projected(t, Tensor::from({2}, {-5, -5})), Tensor::from({2}, {2, 2})) < 1e-6);
  CHECK(gap(projected(t, Tensor::from({2}, {6, 2})), t) < 1e-6);                        // parallel
  CHECK(projected(t, Tensor::from({2}, {-1, 3})).values() == std::vector<real>{0, 0});  // orthogonal
  CHECK(projected(t, Tensor::zeros({2})).values() == std::vector<real>{0, 0});
  CHECK(projected(t, Tensor::zeros({2}), 0).values() == std::vector<real>{0, 0});
  CHECK(projected(t, Tensor::from({2}, {1, 1}), 2).values() == std::vector<real>{1, 1});  // eps counts
  CHECK_THROWS_AS(projected(t, Tensor::zeros({3})), ShapeError);
  CHECK(guess_cosine(t, Tensor::from({2}, {6, 2})) == doctest::Approx(1));
  CHECK(guess_cosine(t, Tensor::zeros({2})) == 0);
}

TEST_CASE("guess projection: modes by hand") {
  // t_1 = (3,1), g_1 = (1,1): <t,g> = 4; t_2 = (-1,2), g_2 = (0,2): 4 of 4.
  const Tensor t = Tensor::from({2, 2}, {3, 1, -1, 2}), g = Tensor::from({2, 2}, {1, 1, 0, 2});
  const auto grad = [&](const char* mode) { return guess_projection(t, g, {.mode = mode}).grad.values(); };
  CHECK(grad("weight") == std::vector<real>{2, 4});
  CHECK(grad("random-weight") == std::vector<real>{4, 12});
  CHECK(grad("sign-weight") == std::vector<real>{1, 3});
  // Against a guess: <t,g> = -4 and 4.
  CHECK(guess_projection(t, Tensor::from({2, 2}, {-1, -1, 0, 2}), {.mode = "sign-weight"}).grad.values() ==
        std::vector<real>{1, 3});
  // Sums (2,3) and (1,3): 11/10 * (1,3).
  CHECK(gap(guess_projection(t, g, {.mode = "avg-weight"}).grad, Tensor::from({2}, {1.1, 3.3})) < 1e-6);
  // Two independent guesses span the plane.
  CHECK(gap(guess_projection(t, g, {.mode = "span-weight"}).per_sample, t) < 1e-5);
  // Dependent ones span a line: as if there were one; zeros span nothing.
  const Tensor line = Tensor::from({2, 2}, {1, 1, -2, -2});
  CHECK(gap(guess_projection(t, line, {.mode = "span-weight"}).per_sample,
            Tensor::from({2, 2}, {2, 2, 0.5, 0.5})) < 1e-5);
  CHECK(gap(guess_projection(t, Tensor::zeros({2, 2}), {.mode = "span-weight"}).grad, Tensor::zeros({2})) ==
        0);
  CHECK(guess_projection(t, g, {.mode = "avg-weight"}).per_sample.defined() == false);
  CHECK_THROWS_AS(guess_projection(t, Tensor::zeros({2, 3})), ShapeError);
  CHECK_THROWS_AS(guess_projection(Tensor::zeros({0, 2}), Tensor::zeros({0, 2})), ShapeError);
}

TEST_CASE("guess projection: never longer than the target, never against it") {
  Rng rng(2);
  for (int i = 0; i < 20; ++i) {
    const Tensor t = rng.normal_tensor({7}), g = rng.normal_tensor({7}), p = projected(t, g);
    double pt = 0, pp = 0, tt = 0;
    for (int64 j = 0; j < 7; ++j) {
      pt += double(p.data()[j]) * double(t.data()[j]);
      pp += double(p.data()[j]) * double(p.data()[j]);
      tt += double(t.data()[j]) * double(t.data()[j]);
    }
    CHECK(pt >= 0);
    CHECK(pp <= tt * (1 + 1e-6));
    CHECK(pt == doctest::Approx(pp).epsilon(1e-4));
  }
}

TEST_CASE("guess projection: a random guess gives the target on average; divided by its length, t/n") {
  Rng rng(4);
  const Tensor t = Tensor::from({1, 5}, {3, 1, -2, 0.5, 1});
  Tensor plain = Tensor::zeros({5}), normalised = Tensor::zeros({5});
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) {
    const Tensor v = rng.normal_tensor({1, 5});
    plain = plain + guess_projection(t, v, {.mode = "random-weight"}).grad / real(kDraws);
    normalised = normalised + guess_projection(t, v).grad / real(kDraws);
  }
  CHECK(gap(plain, t.view({5})) < 0.12);
  CHECK(gap(normalised, t.view({5}) / real(5)) < 0.02);
}

// Three blocks of tanh with linear heads.
struct Net {
  std::vector<GuessBlock> blocks;
  Tensor x;
  IntTensor y = IntTensor::from({4}, {0, 2, 1, 2});

  explicit Net(int seed = 1) {
    Rng rng(static_cast<std::uint64_t>(seed));
    x = rng.normal_tensor({4, 3});
    const auto layer = [&](int64 in, int64 out, bool hidden) {
      return LocalLayer{[hidden](std::span<const Tensor> p, const Tensor& h) {
                          const Tensor u = linear(h, p[0], p[1]);
                          return hidden ? tanh(u) : u;
                        },
                        {variable(rng.normal_tensor({out, in}, 0, real(0.6))),
                         variable(rng.normal_tensor({out}, 0, real(0.3)))}};
    };
    for (int k = 0; k < 3; ++k) blocks.push_back({layer(k ? 5 : 3, 5, true), layer(5, 3, false)});
  }
  Tensor loss(std::span<const Tensor> params) const {
    Tensor h = x;
    for (size_t k = 0; k < blocks.size(); ++k) h = blocks[k].layer.function(params.subspan(2 * k, 2), h);
    return cross_entropy(blocks.back().head(h), y);
  }
  std::vector<Tensor> params() const {
    std::vector<Tensor> all;
    for (const GuessBlock& b : blocks) all.insert(all.end(), b.layer.params.begin(), b.layer.params.end());
    return all;
  }
};

TEST_CASE("local guesses: the last block has backprop's gradient, a head its local one, whatever the space") {
  const Net net;
  const std::vector<Tensor> params = net.params();
  const ValueAndGrad back = value_and_grad([&](std::span<const Tensor> p) { return net.loss(p); }, params);
  for (const char* space : {"weight", "avg-weight", "activation"}) {
    INFO(space);
    const GuessGradient at = guess_gradient(net.blocks, net.x, net.y, {.space = space});
    CHECK(at.layers[2][0].values() == back.grads[4].values());
    CHECK(at.layers[2][1].values() == back.grads[5].values());
    CHECK(at.loss == doctest::Approx(double(back.value.item())));
    // The first head sees the first block's output and nothing else.
    const Tensor h = stop_gradient(net.blocks[0].layer(net.x));
    const ValueAndGrad head = value_and_grad(
        [&](std::span<const Tensor> p) { return cross_entropy(net.blocks[0].head.function(p, h), net.y); },
        net.blocks[0].head.params);
    CHECK(gap(at.heads[0][0], head.grads[0]) < 1e-6);
    CHECK(at.local_losses.size() == 2);
    CHECK(at.local_losses[0] == doctest::Approx(double(head.value.item())));
    CHECK(at.cosines.size() == 2);
  }
  CHECK_THROWS_AS(guess_gradient({}, net.x, net.y, {}), UsageError);
  CHECK_THROWS_AS(guess_gradient(net.blocks, net.x, net.y, {.guess = "random"}), UsageError);
}

TEST_CASE("local guesses: target = guess is training by the local loss alone") {
  const Net net;
  // The second block's local gradient, its input held.
  const Tensor h = stop_gradient(net.blocks[0].layer(net.x));
  const ValueAndGrad local = value_and_grad(
      [&](std::span<const Tensor> p) {
        return cross_entropy(net.blocks[1].head(net.blocks[1].layer.function(p, h)), net.y);
      },
      net.blocks[1].layer.params);
  for (const char* space : {"weight", "avg-weight", "activation"}) {
    INFO(space);
    const GuessGradient at = guess_gradient(net.blocks, net.x, net.y, {.space = space, .target = "local"});
    CHECK(gap(at.layers[1][0], local.grads[0]) < kTight);
    CHECK(gap(at.layers[1][1], local.grads[1]) < kTight);
  }
}

TEST_CASE(
    "local guesses: avg-weight's coefficient times ||g||^2 is the loss's derivative along g on that tensor") {
  const Net net;
  const std::vector<Tensor> params = net.params();
  const GuessGradient projections = guess_gradient(net.blocks, net.x, net.y, {.space = "avg-weight"});
  const GuessGradient guesses =
      guess_gradient(net.blocks, net.x, net.y, {.space = "avg-weight", .target = "local"});
  for (size_t k = 0; k < 2; ++k)
    for (size_t i = 0; i < 2; ++i) {
      const Tensor& g = guesses.layers[k][i];
      std::vector<Tensor> tangents(params.size());
      tangents[2 * k + i] = g;
      const double along = double(
          jvp([&](std::span<const Tensor> p) { return net.loss(p); }, params, tangents).tangent.item());
      CHECK(gap(projections.layers[k][i],
                projected(g, g) * static_cast<real>(along / double(sum(square(g)).item()))) < kTight);
    }
}

}  // namespace gradus::guess_projection_tests
