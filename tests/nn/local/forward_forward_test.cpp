// Goodness and blocks trained by it: the card's figures; no gradient and no memory between blocks.
#include "nn/local/forward_forward.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/allocator.h"
#include "core/error.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/local/classifier_head.h"

namespace gradus::forward_forward_tests {

TEST_CASE("goodness: mean of squares, not square of the mean; scale squared, sign lost") {
  const Tensor a = Tensor::from({1, 1, 2, 2}, {1, 2, 0, 1});
  CHECK(double(goodness(a).item()) == 1.5);
  CHECK(double(goodness(a * real(-3)).item()) == doctest::Approx(13.5));
  CHECK(goodness(Tensor::from({1, 4}, {1, 3, -2, 0}), 2).values() == std::vector<real>{5, 2});
  CHECK_THROWS_AS(goodness(Tensor::zeros({1, 5}), 2), ShapeError);
}

TEST_CASE("goodness loss: by hand") {
  const Tensor g = Tensor::from({1, 3}, {2, 1, 1});
  const IntTensor y = IntTensor::from({1}, {0});
  CHECK(double(goodness_loss(g, y).item()) == doctest::Approx(0.551445).epsilon(1e-5));
  CHECK(double(goodness_loss(g, y, {.scale = 2}).item()) ==
        doctest::Approx(-std::log(1 / (1 + 2 * std::exp(-2.0)))).epsilon(1e-5));
  CHECK(double(goodness_loss(g, y, {.loss = "ff"}).item()) == doctest::Approx(1.006409).epsilon(1e-5));
  // softplus(-1) of the true class, softplus(-1) of the others.
  CHECK(double(goodness_loss(Tensor::from({1, 3}, {3, 1, 1}), y, {.loss = "ff"}).item()) ==
        doctest::Approx(2 * 0.313262).epsilon(1e-5));
  // Two samples: the mean.
  const Tensor two = Tensor::from({2, 3}, {2, 1, 1, 2, 1, 1});
  CHECK(double(goodness_loss(two, IntTensor::from({2}, {0, 0}), {.loss = "ff"}).item()) ==
        doctest::Approx(1.006409).epsilon(1e-5));
  CHECK_THROWS_AS(goodness_loss(g, IntTensor::from({1}, {3}), {.loss = "ff"}), DataError);
  CHECK_THROWS_AS(goodness_loss(g, IntTensor::from({2}, {0, 1})), ShapeError);
}

TEST_CASE("goodness scores: the mean of softmaxes, of raw goodness, or the last block") {
  const Tensor g = Tensor::from({2, 1, 2}, {0, std::log(real(3)), 5, 1});
  const Tensor s = goodness_scores(g);
  const double last = 1 / (1 + std::exp(-4.0));
  CHECK(double(s.data()[0]) == doctest::Approx((0.25 + last) / 2));
  CHECK(double(goodness_scores(g, {.vote = "last"}).data()[0]) == doctest::Approx(last));
  CHECK(double(goodness_scores(g, {.normalize = false}).data()[0]) == doctest::Approx(2.5));
  CHECK_THROWS_AS(goodness_scores(Tensor::zeros({2, 3})), ShapeError);
}

ForwardForwardNet& build(ForwardForwardNet& net, int64 blocks, int64 channels) {
  for (int64 k = 0; k < blocks; ++k)
    net.add_block(make_local_layer({channels, k ? channels : 1, 3, 3}, true),
                  make_local_layer({3, channels, 1, 1}, false));
  net.initialise(Rng(5));
  return net;
}

TEST_CASE("forward-forward: each block's gradients are those of its own loss alone, at a normalised input") {
  ForwardForwardNet net;
  build(net, 3, 4);
  Rng rng(2);
  const Tensor x = rng.normal_tensor({6, 1, 5, 5});
  const IntTensor y = IntTensor::from({6}, {0, 1, 2, 0, 1, 2});
  Tensor h = x;
  std::vector<std::vector<Tensor>> seen;
  net.train_pass(x, y, {}, [&](size_t k, double) {
    // No parameter of another block has a gradient.
    for (size_t j = 0; j < 3; ++j)
      for (const ParameterPtr& p : net.blocks()[j]->parameters()) CHECK(p->grad.defined() == (j == k));
    seen.emplace_back();
    for (const ParameterPtr& p : net.blocks()[k]->parameters()) seen.back().push_back(p->grad.clone());
  });
  REQUIRE(seen.size() == 3);
  for (size_t k = 0; k < 3; ++k) {
    ForwardForwardBlock& block = *net.blocks()[k];
    std::vector<Tensor> values;
    for (const ParameterPtr& p : block.parameters()) values.push_back(stop_gradient(p->value));
    // B = 1: backprop of the block with its head.
    ForwardForwardBlock& b = block;
    const Recording on(true);
    std::vector<Tensor> live;
    for (const ParameterPtr& p : b.parameters()) live.push_back(p->value);
    const Tensor z = b(h);
    const std::vector<Tensor> expected = grad(goodness_loss(b.goodness_of(z), y), live);
    for (size_t i = 0; i < expected.size(); ++i) CHECK(expected[i].values() == seen[k][i].values());
    h = stop_gradient(sample_norm(z));
    // Zero mean and unit variance a sample.
    double mean = 0, squares = 0;
    const int64 n = h.numel() / 6;
    for (int64 i = 0; i < n; ++i)
      mean += double(h.data()[i]) / double(n), squares += std::pow(double(h.data()[i]), 2) / double(n);
    CHECK(mean == doctest::Approx(0).epsilon(1e-5));
    CHECK(squares == doctest::Approx(1).epsilon(1e-2));
  }
}

TEST_CASE("forward-forward: what goes on is the output from before the step; its length does not matter") {
  ForwardForwardNet net;
  build(net, 2, 4);
  Rng rng(2);
  const Tensor x = rng.normal_tensor({3, 1, 5, 5});
  const IntTensor y = IntTensor::from({3}, {0, 1, 2});
  std::vector<double> plain, disturbed;
  net.train_pass(x, y, {}, [&](size_t, double loss) { plain.push_back(loss); });
  // The first block's step changes it; the second one does not see it.
  net.train_pass(x, y, {}, [&](size_t k, double loss) {
    disturbed.push_back(loss);
    if (k == 0) net.find_slot("block1.layer.weight").parameter()->value.fill(7);
  });
  CHECK(plain == disturbed);
  const Tensor z = rng.normal_tensor({2, 3, 4, 4}), a = sample_norm(z), b = sample_norm(z * real(10));
  for (int64 i = 0; i < a.numel(); ++i)
    CHECK(double(a.data()[i]) == doctest::Approx(double(b.data()[i])).epsilon(1e-4));
  // One block alone: those behind it are not run, those in front have no step.
  std::vector<size_t> steps;
  net.train_pass(
      x, y, {}, [&](size_t k, double) { steps.push_back(k); }, 1);
  CHECK(steps == std::vector<size_t>{1});
}

TEST_CASE("forward-forward: peak memory and nodes of a pass do not grow with depth") {
  struct Cost {
    double bytes;
    int64 nodes;
  };
  const auto cost = [](int64 blocks) {
    ForwardForwardNet net;
    build(net, blocks, 8);
    Rng rng(2);
    const Tensor x = rng.normal_tensor({16, 1, 16, 16});
    const IntTensor y = IntTensor::full({16}, 1);
    int64 nodes = 0;
    const int64 before_nodes = live_nodes();
    const auto pass = [&] {
      net.train_pass(x, y, {}, [&](size_t, double) { nodes = std::max(nodes, live_nodes() - before_nodes); });
    };
    pass();
    const std::size_t before = allocator_stats().bytes_in_use;
    reset_peak_memory();
    pass();
    return Cost{static_cast<double>(allocator_stats().peak_bytes_in_use - before), nodes};
  };
  const Cost two = cost(2), eight = cost(8);
  CHECK(eight.bytes == two.bytes);
  CHECK(eight.nodes == 0);  // at a block's step its graph is gone
  // Backprop through the same blocks keeps them all.
  const double one_activation = 16 * 8 * 16 * 16 * sizeof(real);
  CHECK(two.bytes < 12 * one_activation);
}

TEST_CASE(
    "forward-forward: a block with a classifier has the gradients of its cross-entropy, and votes by "
    "logits") {
  ForwardForwardNet net({.normalize = false});
  std::vector<ClassifierHead*> heads;
  for (int k = 0; k < 2; ++k) {
    auto head = std::make_unique<ClassifierHead>(4, 3, 3);
    heads.push_back(head.get());
    net.add_block(make_local_layer({4, k ? 4 : 1, 3, 3}, true), std::move(head), 1, LocalHead::kClassifier);
  }
  net.initialise(Rng(3));
  Rng rng(2);
  const Tensor x = rng.normal_tensor({5, 1, 4, 4});
  const IntTensor y = IntTensor::from({5}, {0, 2, 1, 1, 0});
  std::vector<double> losses;
  net.train_pass(x, y, {}, [&](size_t k, double loss) {
    losses.push_back(loss);
    for (const ParameterPtr& p : net.blocks()[k]->parameters()) CHECK(p->grad.defined());
  });
  const Recording off(false);
  const Tensor z = (*net.blocks()[0])(x), logits = net.blocks()[0]->goodness_of(z),
               next = net.blocks()[1]->goodness_of((*net.blocks()[1])(sample_norm(z)));
  REQUIRE(logits.shape() == Shape{5, 3});
  CHECK(logits.values() == (*heads[0])(z).values());
  CHECK(losses[0] == doctest::Approx(double(cross_entropy(logits, y).item())).epsilon(1e-6));
  CHECK(losses[1] == doctest::Approx(double(cross_entropy(next, y).item())).epsilon(1e-6));
  const Tensor scores = net(x);
  for (int64 i = 0; i < 15; ++i)
    CHECK(double(scores.data()[i]) ==
          doctest::Approx((double(logits.data()[i]) + double(next.data()[i])) / 2).epsilon(1e-5));
  // By hand at one place: relu of the normalised channels, then the linear layer.
  ClassifierHead head(2, 1, 1);
  head.find_slot("conv.weight").parameter()->value.copy_from(Tensor::from({2, 2, 1, 1}, {1, 0, 0, 1}));
  head.find_slot("norm.weight").parameter()->value.fill(1);
  head.find_slot("fc.weight").parameter()->value.copy_from(Tensor::from({1, 2}, {3, 5}));
  // (4, 2) is (1, -1) but for eps: relu gives (1, 0).
  CHECK(double(head(Tensor::from({1, 2, 1, 1}, {4, 2})).item()) == doctest::Approx(3).epsilon(1e-4));
  CHECK_THROWS_AS(ClassifierHead(2, 1, 2), UsageError);
}

TEST_CASE("forward-forward: layers by the shape of their weights") {
  CHECK(make_local_layer({4, 2, 3, 3}, false)->describe().find("Conv2d(2, 4") == 0);
  CHECK(make_local_layer({4, 2}, true)->describe().find("Linear(2, 4") == 0);
  CHECK_THROWS_AS(make_local_layer({4, 2, 2, 2}, true), ShapeError);
  CHECK_THROWS_AS(make_local_layer({4}, true), ShapeError);
}

}  // namespace gradus::forward_forward_tests
