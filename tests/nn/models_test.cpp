// Contract tests over the registry, and what is special about single models.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "autograd/grad.h"
#include "autograd/ops/shape_ops.h"
#include "nn/generate.h"
#include "nn/layer_table.h"
#include "nn/model_check.h"
#include "nn/models/autoencoder.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

constexpr double kModelTolerance = kDouble ? 1e-11 : 2e-5;
constexpr DataShape kMnist{.channels = 1, .height = 28, .width = 28, .classes = 10};
constexpr DataShape kCifar{.channels = 3, .height = 32, .width = 32, .classes = 10};
constexpr DataShape kText{.vocabulary = 65};

std::unique_ptr<Model> tiny(const ModelEntry& e, std::uint64_t seed = 0) {
  return make_model(std::string(e.name) + ":" + e.tiny, e.tiny_data, Rng(seed));
}

int64 count(const Model& model) {
  int64 n = 0;
  for (const ParameterPtr& p : model.parameters()) n += p->value.numel();
  return n;
}

}  // namespace

TEST_CASE("models: gradients of every model agree with finite differences" * doctest::skip(!kDouble)) {
  for (const ModelEntry& e : models()) {
    CAPTURE(std::string(e.name));
    auto model = tiny(e);
    const StateDict before = state_dict(*model);
    std::vector<std::vector<real>> values;
    for (const auto& entry : before) values.push_back(entry.second.values());
    const ModelCheck check = check_model(*model, Rng(11));
    CAPTURE(check.parameter);
    CAPTURE(check.analytic);
    CAPTURE(check.numeric);
    CHECK(check.error < 2e-5);
    for (size_t i = 0; i < before.size(); ++i) CHECK(before[i].second.values() == values[i]);
  }
}

TEST_CASE("models: with dropout, stochastic depth and other options gradients hold, too" *
          doctest::skip(!kDouble)) {
  const DataShape images{.channels = 2, .height = 4, .width = 4, .classes = 3};
  const DataShape text{.vocabulary = 5};
  const std::pair<const char*, DataShape> cases[] = {
      {"mlp:hidden=6,dropout=0.3,act=mish", images},
      {"resnet8:width=2,norm=gn", images},
      {"resnet8:width=2,norm=none", images},
      {"wrn:depth=10,width=1,channels=2,dropout=0.3", images},
      {"vgg:width=2,norm=none,hidden=4,dropout=0.2", images},
      {"vit:patch=2,dim=8,depth=2,heads=2,dropout=0.2,drop_path=0.3,norm=post,act=silu", images},
      {"gpt:block=4,dim=8,layers=2,heads=2,dropout=0.2,tie=true,positions=rotary,norm=rms,bias=false", text},
      {"gpt:block=4,dim=8,layers=1,heads=2,positions=sinusoidal", text},
      {"siren:hidden=4,act=tanh,frequencies=2", {.channels = 2, .height = 1, .width = 1, .targets = 1}},
  };
  for (const auto& [spec, data] : cases) {
    CAPTURE(spec);
    const ModelCheck check = check_model(*make_model(spec, data, Rng(1)), Rng(2));
    CAPTURE(check.parameter);
    CHECK(check.error < 2e-5);
  }
}

TEST_CASE("models: outputs have the task's shape; the spec builds the model again") {
  for (const ModelEntry& e : models()) {
    CAPTURE(std::string(e.name));
    auto model = tiny(e, 3);
    Rng rng(1);
    const TaskBatch batch = random_batch(*model, 4, rng);
    const Tensor y = (*model)(batch.input);
    switch (model->task()) {
      case Task::kClassification:
        CHECK(y.shape() == Shape{4, e.tiny_data.classes});
        break;
      case Task::kLanguageModel:
        CHECK(y.shape() == Shape{4, batch.input.shape()[1], e.tiny_data.vocabulary});
        break;
      case Task::kRegression:
        CHECK(y.shape() == Shape{4, e.tiny_data.targets});
        break;
      default:
        CHECK(y.shape() == batch.input.shape());
    }
    CHECK(model->task() == e.task);
    CHECK(std::isfinite(static_cast<double>(task_loss(model->task(), y, batch.input, batch.target).item())));
    auto again = make_model(model->spec(), e.tiny_data, Rng(3));
    const StateDict a = state_dict(*make_model(model->spec(), e.tiny_data, Rng(3))), b = state_dict(*again);
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      CHECK(a[i].first == b[i].first);
      CHECK(a[i].second.values() == b[i].second.values());
    }
    const ParameterPtr first = model->parameters()[0];
    if (!first->frozen && first->kind != ParamKind::kNorm)
      CHECK(tiny(e, 4)->parameters()[0]->value.values() != first->value.values());
    CHECK(model->spec().starts_with(std::string(e.name) + ":"));
    CHECK(!e.options().empty());
  }
}

TEST_CASE("models: sizes that are known") {
  const std::map<std::string, std::pair<DataShape, int64>> expected{
      {"mlp", {kMnist, 235146}},       // 784-256-128-10
      {"lenet", {kMnist, 1199882}},    // the tutorials' network
      {"resnet20", {kCifar, 272474}},  // 1x1 projection shortcuts
      {"resnet56", {kCifar, 855770}},
      {"vgg", {kCifar, 9231114}},  // eight convolutions, batch norm, one linear layer
      {"gpt", {kText, 818176}},    // nanoGPT's formula: 12 L d^2 + 13 L d + (2 V + T + 2) d
  };
  for (const auto& [name, entry] : expected) {
    CAPTURE(name);
    CHECK(count(*model_entry(name).build({}, entry.first, name)) == entry.second);
  }
  const int64 d = 128, depth = 6;
  CHECK(count(*model_entry("vit").build({}, kCifar, "vit")) ==
        64 * d + 48 * d + d + depth * (12 * d * d + 13 * d) + 2 * d + 10 * d + 10);
}

TEST_CASE("models: mistakes are refused with the valid choices") {
  CHECK(message([] {
          make_model("resnet21", kCifar, Rng(0));
        }).starts_with("unknown model 'resnet21'; did you mean 'resnet2"));
  CHECK(message([] { make_model("mlp:hiden=3", kMnist, Rng(0)); }) ==
        "model mlp: unknown option 'hiden'; did you mean 'hidden'? valid: hidden, act, dropout");
  CHECK_THROWS_AS(make_model("resnet20:depth=21", kCifar, Rng(0)), UsageError);
  CHECK_THROWS_AS(make_model("vgg:depth=12", kCifar, Rng(0)), UsageError);
  CHECK(message([] { make_model("vit:patch=5", kCifar, Rng(0)); }) ==
        "model vit: patches of 5x5 do not tile images of 32x32");
  CHECK_THROWS_AS(make_model("vit:heads=3", kCifar, Rng(0)), UsageError);
  CHECK(message([] { make_model("gpt", kMnist, Rng(0)); }) ==
        "model gpt needs text; these data have no vocabulary");
  CHECK_THROWS_AS(make_model("lenet", kText, Rng(0)), UsageError);
  CHECK_THROWS_AS(make_model("mlp", {.channels = 1, .height = 2, .width = 2}, Rng(0)), UsageError);
  CHECK_THROWS_AS(make_model("lenet", {.channels = 1, .height = 5, .width = 9, .classes = 2}, Rng(0)),
                  UsageError);
  CHECK_THROWS_AS(make_model("unet", {.channels = 1, .height = 6, .width = 6}, Rng(0)), UsageError);
  CHECK_THROWS_AS(make_model("mlp(lenet)", kMnist, Rng(0)), UsageError);
}

TEST_CASE("models: a step evaluated again sees the same masks and leaves the statistics") {
  auto model = make_model("wrn:depth=10,width=1,channels=2,dropout=0.5", {2, 6, 6, 3}, Rng(0));
  Rng rng(1);
  const TaskBatch batch = random_batch(*model, 4, rng);
  const Rng::State start = model->run().rng.state();
  const Tensor y = (*model)(batch.input);
  const StateDict state = state_dict(*model);
  std::vector<std::vector<real>> values;
  for (const auto& entry : state) values.push_back(entry.second.values());
  {
    const Reevaluation again(*model, start);
    CHECK((*model)(batch.input).values() == y.values());
  }
  for (size_t i = 0; i < state.size(); ++i) CHECK(state[i].second.values() == values[i]);
  CHECK((*model)(batch.input).values() != y.values());
}

TEST_CASE("models: frozen parameters get no gradient and cost none") {
  auto model = make_model("mlp:hidden=4", {1, 2, 2, 3}, Rng(0));
  model->find_slot("fc1.weight").parameter()->frozen = true;
  CHECK(model->trainable().size() == 3);
  const Tensor x = Tensor::ones({2, 1, 2, 2});
  const Tensor loss = task_loss(model->task(), (*model)(x), x, {IntTensor::full({2}, 1), {}});
  std::vector<Tensor> leaves;
  for (const auto& p : model->parameters()) leaves.push_back(p->value);
  const auto gradients = grad(loss, leaves, {.allow_unused = true});
  CHECK_FALSE(gradients[0].defined());
  CHECK(gradients[1].defined());
}

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

TEST_CASE("layer table: names, shapes, parameters, operations") {
  auto model = make_model("lenet", kMnist, Rng(0));
  const LayerTable table = layer_table(*model);
  CHECK(table.parameters == 1199882);
  CHECK(table.trainable == 1199882);
  REQUIRE(table.rows.size() == 5);
  CHECK(table.rows[0].name == "conv1");
  CHECK(table.rows[0].layer == "Conv2d(1, 32, 3)");
  CHECK(table.rows[0].output == Shape{1, 32, 26, 26});
  CHECK(table.rows[0].parameters == 320);
  CHECK(table.rows[0].flops == 32 * 26 * 26 * (2 * 9 + 1));
  CHECK(table.rows[2].name == "pool");
  CHECK(table.rows[3].name == "fc1");
  CHECK(table.rows[3].flops == 128 * (2 * 9216 + 1));
  int64 flops = 0;
  for (const LayerRow& r : table.rows) flops += r.flops;
  CHECK(table.flops == flops);
  CHECK(table.str().find("conv2  Conv2d(32, 64, 3)") != std::string::npos);
  CHECK(model->training());
  CHECK(short_number(999) == "999");
  CHECK(short_number(1234567) == "1.23M");
  for (const ModelEntry& e : models()) {
    CAPTURE(std::string(e.name));
    auto small = tiny(e);
    int64 sum = 0;
    for (const LayerRow& r : layer_table(*small).rows) sum += r.parameters;
    CHECK(sum == count(*small));
  }
}

TEST_CASE("airbench: fitted filters whiten the patches of the images they were fitted to") {
  auto model = make_model("airbench:widths=4-4-4", {2, 16, 16, 3}, Rng(0));
  const Tensor images = numbers({64, 2, 16, 16}, 1);
  model->prepare(images);
  Module& whiten = model->find("whiten");
  model->find_slot("whiten.bias").parameter()->value.fill(0);
  const Tensor y = whiten(images);  // (64,16,15,15): eight filters, then their negatives
  const int64 plane = 15 * 15;
  for (int64 a = 0; a < 8; ++a)
    for (int64 b = 0; b < 8; ++b) {
      double dot = 0;
      for (int64 n = 0; n < 64; ++n)
        for (int64 i = 0; i < plane; ++i)
          dot += static_cast<double>(y.data()[(n * 16 + a) * plane + i] * y.data()[(n * 16 + b) * plane + i]);
      CHECK(std::abs(dot / static_cast<double>(64 * plane) - (a == b)) < 0.01);
      CHECK(y.data()[a * plane + b] == -y.data()[(8 + a) * plane + b]);
    }
  CHECK(model->find_slot("whiten.weight").parameter()->frozen);
  CHECK(model->find_slot("blocks.0.conv1.weight").value().at({1, 1, 1, 1}) == 1);
  CHECK(model->find_slot("blocks.0.conv1.weight").value().at({1, 0, 1, 1}) == 0);
}

TEST_CASE("unet: depends on time and class; needs a time") {
  auto model = make_model("unet:channels=4,mults=1-2,heads=2", {1, 4, 4, 3}, Rng(0));
  fill(*model);
  Input x = numbers({2, 1, 4, 4}, 1);
  CHECK_THROWS_AS((*model)(x), ShapeError);
  x.time = Tensor::from({2}, {real(0.2), real(0.2)});
  const Tensor none = (*model)(x);
  x.classes = IntTensor::from({2}, {-1, 2});
  const Tensor classed = (*model)(x);
  CHECK(gap(slice(none, 0, 0, 1), slice(classed, 0, 0, 1)) == 0);
  CHECK(gap(slice(none, 0, 1, 2), slice(classed, 0, 1, 2)) > 1e-3);
  x.time = Tensor::from({2}, {real(0.7), real(0.2)});
  CHECK(gap(slice((*model)(x), 0, 0, 1), slice(classed, 0, 0, 1)) > 1e-3);
  x.classes = IntTensor::from({2}, {0, 3});
  CHECK_NOTHROW((*model)(x));  // row 3 is "none"
  x.classes = IntTensor::from({2}, {0, 4});
  CHECK_THROWS_AS((*model)(x), Error);
}

TEST_CASE("diffusion: noise is added as the schedule says") {
  CHECK(cosine_alpha_bar(0) == 1);
  CHECK(cosine_alpha_bar(1) < 1e-9);
  CHECK(cosine_alpha_bar(0.5) == doctest::Approx(0.4938).epsilon(1e-3));
  Input clean = numbers({4, 1, 2, 2}, 1);
  clean.classes = IntTensor::from({4}, {0, 1, 2, 0});
  Rng rng(1);
  const TaskBatch batch = add_noise(clean, rng, 0);
  for (int64 i = 0; i < 16; ++i) {
    const double abar = cosine_alpha_bar(static_cast<double>(batch.input.time.data()[i / 4]));
    const double expected = std::sqrt(abar) * static_cast<double>(clean.values().data()[i]) +
                            std::sqrt(1 - abar) * static_cast<double>(batch.target.values.data()[i]);
    CHECK(static_cast<double>(batch.input.values().data()[i]) == doctest::Approx(expected).epsilon(1e-5));
  }
  CHECK(batch.input.classes.values() == clean.classes.values());
  CHECK(add_noise(clean, rng, 1).input.classes.values() == std::vector<int64>(4, -1));
}

TEST_CASE("autoencoder: code and reconstruction") {
  Autoencoder model({.hidden = {6}, .code = 3}, {.channels = 1, .height = 3, .width = 3});
  model.initialise(Rng(0));
  const Tensor x = numbers({2, 1, 3, 3}, 1), code = model.encode(x);
  CHECK(code.shape() == Shape{2, 3});
  CHECK(gap(model.decode(code), reshape(model(x), Shape{2, 9})) == 0);
  CHECK(model(x).shape() == x.shape());
}

TEST_CASE("siren: first values are the paper's") {
  auto model = make_model("siren:hidden=64,layers=2,omega=30",
                          {.channels = 2, .height = 1, .width = 1, .targets = 1}, Rng(0));
  const auto largest = [&](const char* name) {
    double m = 0;
    for (real v : model->find_slot(name).value().span()) m = std::max(m, std::abs(static_cast<double>(v)));
    return m;
  };
  CHECK(largest("net.0.weight") <= 0.5);
  CHECK(largest("net.0.weight") > 0.45);
  CHECK(largest("net.1.weight") <= std::sqrt(6.0 / 64) / 30 * (1 + 1e-6));
  CHECK(largest("net.1.weight") > 0.95 * std::sqrt(6.0 / 64) / 30);
}

TEST_CASE("models: parameters are called as in the state dict") {
  for (const ModelEntry& e : models()) {
    CAPTURE(std::string(e.name));
    auto model = tiny(e);
    for (const ParameterPtr& p : model->parameters()) {
      CAPTURE(p->name);
      CHECK(model->find_slot(p->name).parameter() == p);
    }
  }
}
