#include <doctest/doctest.h>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape_ops.h"
#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/embedding.h"
#include "nn/layers/recurrent.h"
#include "nn/layers/transformer.h"
#include "nn/modes.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

constexpr double kLayerTolerance = sizeof(real) == 8 ? 1e-12 : 2e-5;

void set(const ParamSlot& slot, std::initializer_list<real> values) {
  slot.parameter()->value.copy_from(Tensor::from(slot.shape(), values));
}

}  // namespace

TEST_CASE("linear: hand values, relu, shape errors") {
  Linear layer(2, 3);
  set(layer.weight, {1, 2, 3, 4, -5, -6});
  set(layer.bias, {10, 20, 30});
  const Tensor x = Tensor::from({1, 2}, {1, 2});
  CHECK(layer(x).values() == std::vector<real>{15, 31, 13});
  set(layer.bias, {10, 20, 0});
  CHECK(layer(x).values() == std::vector<real>{15, 31, -17});
  CHECK(layer.relu(x).values() == std::vector<real>{15, 31, 0});
  CHECK(layer(Tensor::zeros({4, 5, 2})).shape() == Shape{4, 5, 3});
  CHECK_THROWS_AS(layer(Tensor::zeros({1, 3})), ShapeError);
  CHECK_THROWS_AS(Linear(0, 3), UsageError);
  Linear plain(2, 2, false);
  CHECK(plain.parameters().size() == 1);
  set(plain.weight, {1, 0, 0, -1});
  CHECK(plain.relu(x).values() == std::vector<real>{1, 0});
  CHECK(plain.describe() == "Linear(2, 2, bias=false)");
  CHECK(layer.flops({4, 2}, {4, 3}) == 4 * 3 * 5);
}

TEST_CASE("conv layers: options are checked and described") {
  CHECK(Conv2d(4, 8, 3, {.stride = 2, .pad = 1, .groups = 2, .bias = false}).describe() ==
        "Conv2d(4, 8, 3, stride=2, pad=1, groups=2, bias=false)");
  CHECK(message([] { Conv2d(4, 6, 3, {.groups = 4}); }) ==
        "Conv2d(4, 6, 3): 4 groups do not divide the channels");
  CHECK_THROWS_AS(ConvTranspose2d(2, 2, 3, {.stride = 2}, 2), UsageError);
  CHECK(Conv2d(4, 8, 3, {.groups = 2}).weight.shape() == Shape{8, 2, 3, 3});
  CHECK(ConvTranspose2d(4, 8, 3, {.groups = 2}).weight.shape() == Shape{4, 4, 3, 3});
  CHECK(Conv2d(4, 8, 3).flops({1, 4, 5, 5}, {1, 8, 3, 3}) == 72 * (2 * 36 + 1));
}

TEST_CASE("conv: relu(conv) in one call is relu after conv") {
  const Tensor x = numbers({2, 4, 5, 5}, 1);
  Conv2d plain(4, 6, 3, {.stride = 2, .pad = 1, .groups = 2}), no_bias(4, 6, 3, {.bias = false});
  WeightStandardConv2d standardised(4, 6, 3, {.pad = 1});
  for (Conv2d* layer : std::initializer_list<Conv2d*>{&plain, &no_bias, &standardised}) {
    fill(*layer);
    CHECK(gap(layer->relu(x), relu((*layer)(x))) < kLayerTolerance);
  }
}

TEST_CASE("weight-standardised convolution: kernels have mean 0 and variance 1") {
  WeightStandardConv2d layer(2, 3, 3, {.bias = false});
  fill(layer);
  Tensor one_hot = Tensor::zeros({1, 2, 5, 5});  // the centre of channel 0: the output is the flipped kernel
  one_hot.mutable_data()[12] = 1;
  const Tensor first = layer(one_hot);
  Tensor other = Tensor::zeros({1, 2, 5, 5});
  other.mutable_data()[25 + 12] = 1;
  const Tensor second = layer(other);
  for (int64 o = 0; o < 3; ++o) {
    double sum = 0, squares = 0;
    for (int64 i = 0; i < 9; ++i)
      for (const Tensor* t : {&first, &second}) {
        const double v = static_cast<double>(t->data()[o * 9 + i]);
        sum += v, squares += v * v;
      }
    CHECK(std::abs(sum) < 1e-4);
    CHECK(squares / 18 == doctest::Approx(1).epsilon(1e-3));
  }
}

TEST_CASE("dropout: drops and scales in training, from the tree's generator; nothing else in evaluation") {
  Dropout layer(0.25);
  layer.run().rng = Rng(3);
  const Tensor x = Tensor::ones({10000});
  const Rng::State start = layer.run().rng.state();
  const Tensor y = layer(x);
  int64 dropped = 0;
  for (real v : y.span()) {
    CHECK((v == 0 || v == doctest::Approx(4.0 / 3)));
    dropped += v == 0;
  }
  CHECK(std::abs(static_cast<double>(dropped) / 10000 - 0.25) < 0.02);
  CHECK(layer(x).values() != y.values());
  {
    const Reevaluation again(layer, start);
    CHECK(layer(x).values() == y.values());
  }
  layer.set_training(false);
  CHECK(layer(x).same_storage(x));
  CHECK_THROWS_AS(Dropout(1), UsageError);
  CHECK_THROWS_AS(Dropout(-0.1), UsageError);
}

TEST_CASE("drop path: whole samples go or are scaled") {
  DropPath layer(0.5);
  layer.run().rng = Rng(1);
  const Tensor y = layer(Tensor::ones({64, 3}));
  int64 dropped = 0;
  for (int64 i = 0; i < 64; ++i) {
    const real v = y.at({i, 0});
    CHECK((v == 0 || v == 2));
    CHECK((y.at({i, 1}) == v && y.at({i, 2}) == v));
    dropped += v == 0;
  }
  CHECK((dropped > 16 && dropped < 48));
}

TEST_CASE("batch norm: hand values, running statistics, modes") {
  BatchNorm2d layer(1);
  layer.initialise(Rng(0));
  const Tensor x = Tensor::from({4, 1}, {1, 3, 5, 7});  // mean 4, biased variance 5, unbiased 20/3
  const Tensor y = layer(x);
  const double s = std::sqrt(5 + 1e-5);
  for (int64 i = 0; i < 4; ++i)
    CHECK(y.data()[i] == doctest::Approx((static_cast<double>(x.data()[i]) - 4) / s).epsilon(1e-5));
  CHECK(layer.running_mean.item() == doctest::Approx(0.4));
  CHECK(layer.running_var.item() == doctest::Approx(0.9 + 0.1 * 20 / 3));
  layer.run().update_statistics = false;
  layer(x);
  CHECK(layer.running_mean.item() == doctest::Approx(0.4));
  layer.set_training(false);
  const double expected = (1 - 0.4) / std::sqrt(0.9 + 2.0 / 3 + 1e-5);
  CHECK(layer(x).data()[0] == doctest::Approx(expected).epsilon(1e-5));
  CHECK(layer(Tensor::ones({1, 1})).item() == doctest::Approx(expected).epsilon(1e-5));
  layer.set_training(true);
  CHECK_THROWS_AS(layer(Tensor::ones({1, 1})), ShapeError);
  CHECK_THROWS_AS(layer(Tensor::ones({2, 3, 4, 4})), ShapeError);
  for (const auto& p : layer.parameters()) CHECK(p->kind == ParamKind::kNorm);
}

TEST_CASE("norms: relu(norm) in one call is relu after norm") {
  const Tensor x = numbers({3, 4, 2, 2}, 1);
  for (const char* kind : {"bn", "gn", "none"}) {
    for (const bool training : {true, false}) {
      CAPTURE(kind);
      const auto norm = make_norm(kind, 4);
      fill(*norm);
      norm->set_training(training);
      norm->run().update_statistics = false;
      CHECK(gap(norm->relu(x), relu((*norm)(x))) < kLayerTolerance);
    }
  }
  CHECK(message([] { make_norm("batch", 4); }) == "unknown norm 'batch'; valid: bn, gn, none");
  CHECK_THROWS_AS(GroupNorm(3, 4), UsageError);
}

TEST_CASE("rms norm: hand values") {
  RMSNorm layer(2, 0.5);
  set(layer.weight, {1, 10});
  const Tensor y = layer(Tensor::from({1, 2}, {3, 4}));  // mean square 12.5
  CHECK(y.data()[0] == doctest::Approx(3 / std::sqrt(13.0)));
  CHECK(y.data()[1] == doctest::Approx(40 / std::sqrt(13.0)));
}

TEST_CASE("embedding: rows by id") {
  Embedding layer(3, 2);
  set(layer.weight, {1, 2, 3, 4, 5, 6});
  CHECK(layer(IntTensor::from({1, 2}, {2, 0})).values() == std::vector<real>{5, 6, 1, 2});
  CHECK(layer(IntTensor::from({1, 2}, {2, 0})).shape() == Shape{1, 2, 2});
  CHECK_THROWS_AS(layer(IntTensor::from({1}, {3})), Error);
  CHECK_THROWS_AS(layer(Tensor::zeros({1})), ShapeError);
}

TEST_CASE("positions: sinusoids") {
  const Tensor t = sinusoidal_positions(3, 4, 100);  // frequencies 1 and 1/10
  CHECK(t.at({2, 0}) == doctest::Approx(std::sin(2.0)));
  CHECK(t.at({2, 1}) == doctest::Approx(std::cos(2.0)));
  CHECK(t.at({2, 2}) == doctest::Approx(std::sin(0.2)));
  CHECK(t.at({0, 3}) == 1);
  CHECK_THROWS_AS(sinusoidal_positions(3, 5), UsageError);
  const Tensor f = sinusoidal_features(Tensor::from({2}, {0, real(0.5)}), 4, 10, 100);
  CHECK(f.shape() == Shape{2, 4});
  CHECK(f.at({1, 0}) == doctest::Approx(std::sin(5.0)).epsilon(1e-5));
  CHECK(f.at({1, 3}) == doctest::Approx(std::cos(0.5)).epsilon(1e-5));
}

TEST_CASE("rotary: rotates pairs, products depend on the distance only, offsets continue") {
  const Tensor x = Tensor::from({2, 2}, {1, 0, 1, 0});
  const Tensor y = rotary(x);
  CHECK(y.at({0, 0}) == 1);
  CHECK(y.at({1, 0}) == doctest::Approx(std::cos(1.0)));
  CHECK(y.at({1, 1}) == doctest::Approx(std::sin(1.0)));
  const Tensor q = numbers({1, 8}, 1), k = numbers({1, 8}, 2);
  const auto product = [&](int64 m, int64 n) {
    const Tensor a = rotary(q, m), b = rotary(k, n);
    double s = 0;
    for (int64 i = 0; i < 8; ++i) s += static_cast<double>(a.data()[i] * b.data()[i]);
    return s;
  };
  CHECK(product(5, 2) == doctest::Approx(product(13, 10)).epsilon(1e-4));
  CHECK(std::abs(product(5, 2) - product(5, 3)) > 1e-3);
  const Tensor z = numbers({6, 8}, 3);
  CHECK(gap(slice(rotary(z), 0, 4, 6), rotary(slice(z, 0, 4, 6), 4)) < kLayerTolerance);
}

TEST_CASE("attention: causal attention does not see the future; weights are those of the output") {
  for (const bool turned : {false, true}) {
    MultiHeadAttention layer({.dim = 8, .heads = 2, .causal = true, .rotary = turned});
    fill(layer);
    const Tensor x = numbers({2, 5, 8}, 1);
    Tensor changed = x.clone();
    for (int64 i = 0; i < 8; ++i) changed.mutable_data()[4 * 8 + i] += 1;  // last position of sample 0
    const Tensor y = layer(x), z = layer(changed);
    CHECK(gap(slice(y, 1, 0, 4), slice(z, 1, 0, 4)) == 0);
    CHECK(gap(slice(y, 1, 4, 5), slice(z, 1, 4, 5)) > 1e-3);
    const auto [same, weights] = layer.with_weights(x);
    CHECK(gap(same, y) < kLayerTolerance);
    REQUIRE(weights.shape() == Shape{2, 2, 5, 5});
    for (int64 i = 0; i < 5; ++i) {
      double sum = 0;
      for (int64 j = 0; j < 5; ++j) {
        sum += static_cast<double>(weights.at({1, 1, i, j}));
        if (j > i) CHECK(weights.at({1, 1, i, j}) == 0);
      }
      CHECK(sum == doctest::Approx(1));
    }
  }
}

TEST_CASE("attention: continued with a cache equals attention over the whole sequence") {
  for (const bool turned : {false, true}) {
    MultiHeadAttention layer({.dim = 8, .heads = 2, .causal = true, .rotary = turned});
    fill(layer);
    const Tensor x = numbers({2, 7, 8}, 1), whole = layer(x);
    KeyValueCache cache = layer.make_cache(2, 7);
    const std::vector<int64> pieces{3, 1, 2, 1};
    int64 at = 0;
    for (int64 size : pieces) {
      CHECK(gap(layer.continued(slice(x, 1, at, at + size), cache), slice(whole, 1, at, at + size)) <
            kLayerTolerance);
      at += size;
    }
    CHECK(cache.length == 7);
    CHECK_THROWS_AS(layer.continued(slice(x, 1, 0, 1), cache), ShapeError);
  }
  MultiHeadAttention both({.dim = 8, .heads = 2});
  KeyValueCache cache = both.make_cache(1, 2);
  CHECK_THROWS_AS(both.continued(Tensor::zeros({1, 1, 8}), cache), UsageError);
  CHECK_THROWS_AS(MultiHeadAttention({.dim = 8, .heads = 3}), UsageError);
  CHECK_THROWS_AS(both(Tensor::zeros({1, 1, 6})), ShapeError);
}

TEST_CASE("attention: dropout acts on the weights in training only") {
  MultiHeadAttention layer({.dim = 8, .heads = 2, .dropout = 0.5}), plain({.dim = 8, .heads = 2});
  fill(layer), fill(plain);
  const Tensor x = numbers({2, 5, 8}, 1);
  CHECK(gap(layer(x), plain(x)) > 1e-3);
  layer.set_training(false);
  CHECK(gap(layer(x), plain(x)) < kLayerTolerance);
}

TEST_CASE("transformer block: pre-norm and post-norm are what they say") {
  for (const bool post : {false, true}) {
    TransformerBlock block({.dim = 8, .heads = 2, .post_norm = post, .names = kNanoGptNames});
    fill(block);
    const Tensor x = numbers({2, 3, 8}, 1);
    Module &first = block.find("ln_1"), &second = block.find("ln_2");
    const auto mlp = [&](const Tensor& t) { return block.mlp.fc2(gelu(block.mlp.fc1(t))); };
    Tensor expected;
    if (post) {
      const Tensor h = first(x + block.attn(x));
      expected = second(h + mlp(h));
    } else {
      const Tensor h = x + block.attn(first(x));
      expected = h + mlp(second(h));
    }
    CHECK(gap(block(x), expected) < kLayerTolerance);
    CHECK(block.find_slot("mlp.c_fc.weight").shape() == Shape{32, 8});
    CHECK(block.find_slot("attn.c_attn.weight").shape() == Shape{24, 8});
  }
}

TEST_CASE("lstm: continuing from the state equals one pass") {
  LSTM layer(3, 4, 2);
  fill(layer);
  const Tensor x = numbers({2, 6, 3}, 1), whole = layer(x);
  LSTM::State state;
  CHECK(gap(layer.continued(slice(x, 1, 0, 4), state), slice(whole, 1, 0, 4)) < kLayerTolerance);
  CHECK(gap(layer.continued(slice(x, 1, 4, 6), state), slice(whole, 1, 4, 6)) < kLayerTolerance);
  LSTMCell cell(3, 4);
  for (const char* name : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
    LSTM single(3, 4);
    CHECK(single.find_slot(std::string(name) + "_l0").shape() == cell.find_slot(name).shape());
  }
  CHECK_THROWS_AS(layer(Tensor::zeros({2, 6, 4})), ShapeError);
}

TEST_CASE("containers: names, order, errors with their path") {
  Sequential net;
  net.push<Linear>(2, 3);
  net.push<Activate>("relu");
  net.push<Linear>(3, 1);
  std::vector<std::string> names;
  for (const auto& p : net.parameters()) names.push_back(p->name);
  CHECK(names == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"});
  CHECK(net(Tensor::zeros({4, 2})).shape() == Shape{4, 1});
  CHECK(message([&] { net(Tensor::zeros({4, 3})); }).ends_with("(in 0)"));
  CHECK(Sequential()(Tensor::ones({2})).values() == std::vector<real>{1, 1});
  ModuleList<Linear> list;
  list.push(2, 2);
  CHECK_THROWS_AS(list(Tensor::zeros({1, 2})), UsageError);
  CHECK(Flatten()(Tensor::zeros({2, 3, 4})).shape() == Shape{2, 12});
}

TEST_CASE("activations: unknown names are refused with the nearest") {
  CHECK(message([] {
          Activate("rleu");
        }).starts_with("unknown activation 'rleu'; did you mean 'relu'? valid: relu,"));
}
