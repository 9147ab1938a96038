// Contract tests over the registry of models.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "autograd/grad.h"
#include "autograd/ops/shape_ops.h"
#include "nn/layer_table.h"
#include "nn/model_check.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/nn/model_sizes.h"

using namespace gradus;
using namespace gradus::tests;

namespace {

std::unique_ptr<Model> tiny(const ModelEntry& e, std::uint64_t seed = 0) {
  return make_model(std::string(e.name) + ":" + e.tiny, e.tiny_data, Rng(seed));
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
      {"mlp:hidden=6-5,norm=gn", images},
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
        "model mlp: unknown option 'hiden'; did you mean 'hidden'? valid: hidden, act, dropout, norm");
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

TEST_CASE("models: a perceptron with batch norm, by hand") {
  auto model =
      make_model("mlp:hidden=1,norm=bn", {.channels = 1, .height = 1, .width = 1, .targets = 1}, Rng(0));
  const auto set = [&](const char* name, real value) {
    model->find_slot(name).parameter()->value.mutable_data()[0] = value;
  };
  set("fc1.weight", 3), set("fc1.bias", 7), set("bn1.weight", 2), set("bn1.bias", 0.5);
  set("fc2.weight", -4), set("fc2.bias", 1);
  // fc1: 10, 16; normalised -1, 1 (but for eps); 2*n + 0.5: -1.5, 2.5; relu; -4*h + 1.
  const Tensor y = (*model)(Tensor::from({2, 1}, {1, 3}));
  CHECK(y.data()[0] == doctest::Approx(1));
  CHECK(y.data()[1] == doctest::Approx(-9).epsilon(1e-5));
  CHECK(make_model("mlp:hidden=3-2,norm=bn", kMnist, Rng(0))
            ->find_slot("bn2.weight")
            .parameter()
            ->value.shape() == Shape{2});
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
