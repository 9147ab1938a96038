// Models that read and write a piece at a time: caches, states, and how the next token is drawn.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "autograd/ops/shape_ops.h"
#include "nn/generate.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/nn/model_sizes.h"

using namespace gradus;
using namespace gradus::tests;

TEST_CASE("gpt: decoding with a cache equals decoding without, over several contexts") {
  for (const char* options : {"", ",positions=rotary", ",positions=sinusoidal", ",tie=true"}) {
    for (const int64 forget : {0, 1, 3}) {
      CAPTURE(options);
      CAPTURE(forget);
      auto model =
          make_model(std::string("gpt:block=6,dim=8,layers=2,heads=2") + options, {.vocabulary = 9}, Rng(2));
      fill(*model);
      auto& gpt = dynamic_cast<TokenModel&>(*model);
      const auto cached = gpt.decoder(2, {.cache = true, .forget = forget});
      const auto plain = gpt.decoder(2, {.cache = false, .forget = forget});
      const IntTensor ids = integers({2, 20}, 1, 9);
      const auto piece = [&](int64 from, int64 to) {
        IntTensor part({2, to - from});
        for (int64 n = 0; n < 2; ++n)
          for (int64 t = from; t < to; ++t) part.mutable_data()[n * (to - from) + t - from] = ids[n * 20 + t];
        return part;
      };
      int64 at = 0;
      Tensor last;
      for (const int64 size : {4, 1, 1, 1, 1, 1, 2, 8, 1}) {
        last = cached->feed(piece(at, at + size));
        CHECK(gap(last, plain->feed(piece(at, at + size))) < kModelTolerance);
        at += size;
      }
      if (forget == 1) {  // the context is the last six tokens
        const ModeScope evaluation(gpt, false);
        const Tensor y = gpt(piece(14, 20));
        CHECK(gap(last, reshape(slice(y, 1, 5, 6), Shape{2, 9})) < kModelTolerance);
      }
    }
  }
}

TEST_CASE("gpt: too long a text is refused; the tied head is the embedding") {
  auto model = make_model("gpt:block=4,dim=8,layers=1,heads=2", {.vocabulary = 5}, Rng(0));
  CHECK(message([&] {
          (*model)(IntTensor::full({1, 5}, 0));
        }) == "gpt: 5 tokens of shape (1, 5) behind 0 do not fit a context of 4 (in transformer)");
  auto tied = make_model("gpt:block=4,dim=8,layers=1,heads=2,tie=true", {.vocabulary = 5}, Rng(0));
  CHECK(count(*model) - count(*tied) == 40);
  StateDict state = state_dict(*tied);
  CHECK(state.back().first == "lm_head.weight");
  CHECK(state.back().second.same_storage(tied->find_slot("transformer.wte.weight").value()));
  state.emplace_back("transformer.h.0.attn.bias", Tensor::zeros({1, 1, 4, 4}));  // nanoGPT's mask
  load_state_dict(*model, state);
}

TEST_CASE("char-lstm: decoding from the state equals reading everything again") {
  auto model = make_model("char-lstm:block=4,dim=4,hidden=5,layers=2", {.vocabulary = 6}, Rng(2));
  fill(*model);
  auto& lstm = dynamic_cast<TokenModel&>(*model);
  const auto cached = lstm.decoder(1, {}), plain = lstm.decoder(1, {.cache = false});
  const IntTensor ids = integers({1, 12}, 1, 6);
  Tensor last;
  for (int64 t = 0; t < 12; ++t) {
    last = cached->feed(IntTensor::full({1, 1}, ids[t]));
    CHECK(gap(last, plain->feed(IntTensor::full({1, 1}, ids[t]))) < kModelTolerance);
  }
  CHECK(gap(last, reshape(slice(lstm(ids), 1, 11, 12), Shape{1, 6})) < kModelTolerance);
}

TEST_CASE("sampling: temperature, top-k, top-p and the generator decide, nothing else") {
  const std::vector<real> logits{1, 3, 2, -1};
  Rng rng(1);
  for (int i = 0; i < 20; ++i) {
    CHECK(sample_token(logits, {.temperature = 0}, rng) == 1);
    CHECK(sample_token(logits, {.top_k = 1}, rng) == 1);
    CHECK(sample_token(logits, {.top_p = 0.5}, rng) == 1);
    CHECK(sample_token(logits, {.top_k = 2}, rng) != 0);
    // exp(-1) = 0.37 of the likeliest: token 2, exp(-2) = 0.14: token 0; at half the temperature their squares.
    CHECK(sample_token(logits, {.min_p = 0.4}, rng) == 1);
    CHECK(sample_token(logits, {.min_p = 0.2}, rng) % 3 != 0);
    CHECK(sample_token(logits, {.temperature = 0.5, .min_p = 0.2}, rng) == 1);
    CHECK(sample_token(logits, {.top_k = 1, .min_p = 1}, rng) == 1);
  }
  std::array<int, 4> counts{};
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i)
    ++counts[static_cast<size_t>(sample_token(logits, {.temperature = 2}, rng))];
  double total = 0;
  for (real l : logits) total += std::exp(static_cast<double>(l) / 2);
  for (size_t i = 0; i < 4; ++i)
    CHECK(std::abs(counts[i] / double(kDraws) - std::exp(static_cast<double>(logits[i]) / 2) / total) <
          0.015);
  CHECK_THROWS_AS(sample_token(logits, {.temperature = -1}, rng), UsageError);
  CHECK_THROWS_AS(sample_token(logits, {.min_p = 1.5}, rng), UsageError);
  // Without a smallest part all four come.
  std::array<bool, 4> possible{};
  for (int i = 0; i < 2000; ++i)
    possible[static_cast<size_t>(sample_token(logits, {.min_p = 0.01}, rng))] = true;
  CHECK(possible == std::array<bool, 4>{true, true, true, true});
  CHECK_THROWS_AS(sample_token(std::vector<real>{real(NAN)}, {}, rng), NumericError);

  auto model = make_model("gpt:block=6,dim=8,layers=1,heads=2", {.vocabulary = 9}, Rng(2));
  auto& gpt = dynamic_cast<TokenModel&>(*model);
  const std::vector<int64> prompt{1, 2};
  const auto text = [&](bool cache, std::uint64_t seed) {
    std::vector<int64> ids;
    Rng draw(seed);
    generate(gpt, prompt, 30, {.decode = {.cache = cache}}, draw, [&](int64 id) {
      ids.push_back(id);
      return true;
    });
    return ids;
  };
  CHECK(text(true, 1).size() == 30);
  CHECK(text(true, 1) == text(false, 1));
  CHECK(text(true, 1) != text(true, 2));
  CHECK_THROWS_AS(generate(gpt, {}, 1, {}, rng, [](int64) { return true; }), UsageError);
  CHECK_THROWS_AS(generate(gpt, std::vector<int64>{9}, 1, {}, rng, [](int64) { return true; }), DataError);
  int seen = 0;
  generate(gpt, prompt, 30, {}, rng, [&](int64) { return ++seen < 3; });
  CHECK(seen == 3);
}

TEST_CASE("sampling: a draw among all is the one that sorting all weights gives") {
  Rng numbers(5), draws(6);
  for (int i = 0; i < 400; ++i) {
    CAPTURE(i);
    // Wide and narrow, with equal ones and some that are ruled out.
    std::vector<real> logits;
    for (int t = 0; t < 40; ++t)
      logits.push_back(real(std::round(numbers.normal() * (i % 4 + 1) * 8) / (i % 2 ? 8 : 2)));
    if (i % 3 == 0) logits[numbers.below(40)] = -std::numeric_limits<real>::infinity();
    const double temperature = 0.5 + (i % 5) * 0.5;
    std::vector<size_t> order(logits.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    double total = 0;
    const auto weight = [&](size_t t) {
      return std::exp((double(logits[t]) - double(logits[order[0]])) / temperature);
    };
    for (const size_t t : order) total += weight(t);
    Rng same = draws;
    double left = same.uniform() * total;
    size_t at = 0;
    for (; at + 1 < order.size() && left >= weight(order[at]); ++at) left -= weight(order[at]);
    CHECK(sample_token(logits, {.temperature = temperature}, draws) == int64(order[at]));
  }
}

TEST_CASE("texts read together are, token for token, those read alone") {
  for (const char* spec :
       {"gpt:block=8,dim=32,layers=2,heads=2", "gpt:block=7,dim=24,layers=2,heads=3,positions=rotary",
        "gpt:block=40,dim=16,layers=1,heads=1,norm=rms,bias=false", "char-lstm:dim=12,hidden=40"}) {
    CAPTURE(spec);
    auto model = make_model(spec, {.vocabulary = 35}, Rng(2));
    fill(*model);
    auto& net = dynamic_cast<TokenModel&>(*model);
    const std::vector<int64> prompt{1, 30, 2};
    std::vector<Rng> rngs;
    for (std::uint64_t i = 0; i < 9; ++i) rngs.push_back(Rng(7).fork(i));
    const std::vector<Rng> fresh = rngs;
    const SampleOptions how{.temperature = 0.9, .top_k = 30};
    std::vector<std::vector<int64>> together(9);
    generate_texts(net, prompt, 50, how, rngs, [&](int64 i, int64 id) {
      together[size_t(i)].push_back(id);
      return true;
    });
    for (size_t i = 0; i < 9; ++i) {
      Rng rng = fresh[i];
      std::vector<int64> alone;
      generate(net, prompt, 50, how, rng, [&](int64 id) {
        alone.push_back(id);
        return true;
      });
      CHECK(alone.size() == 50);
      CHECK(together[i] == alone);
    }
    CHECK(together[0] != together[1]);
  }
  auto model = make_model("gpt:block=6,dim=8,layers=1,heads=2", {.vocabulary = 9}, Rng(2));
  auto& gpt = dynamic_cast<TokenModel&>(*model);
  std::vector<Rng> rngs(3);
  int64 seen = 0;
  generate_texts(gpt, std::vector<int64>{1}, 30, {}, rngs, [&](int64 i, int64) {
    CHECK(i == seen % 3);
    return ++seen < 7;
  });
  CHECK(seen == 7);
  // Each text has its own temperature: those at 0 are the likeliest one, whatever they would draw.
  std::vector<std::vector<int64>> warm(3);
  std::vector<Rng> other{Rng(1), Rng(2), Rng(3)};
  generate_texts(gpt, std::vector<int64>{1}, 30,
                 {.temperature_at = [](int64 i) { return i == 1 ? 5.0 : 0.0; }}, other,
                 [&](int64 i, int64 id) {
                   warm[size_t(i)].push_back(id);
                   return true;
                 });
  CHECK(warm[0] == warm[2]);
  CHECK(warm[0] != warm[1]);
}

TEST_CASE("a decoder sees weights that are written while it lives") {
  auto model = make_model("gpt:block=6,dim=8,layers=1,heads=2", {.vocabulary = 9}, Rng(2));
  fill(*model);
  auto& gpt = dynamic_cast<TokenModel&>(*model);
  const auto decoder = gpt.decoder(1);
  decoder->feed(IntTensor::full({1, 2}, 3));
  Tensor head = model->find_slot("lm_head.weight").parameter()->value;
  for (int64 i = 0; i < head.numel(); ++i) head.mutable_data()[i] *= 3;
  const Tensor next = decoder->feed(IntTensor::full({1, 1}, 4));
  const auto fresh = gpt.decoder(1);
  CHECK(gap(next, fresh->feed(IntTensor::from({1, 3}, {3, 3, 4}))) < kModelTolerance);
}
