// Our models, layers, activations and losses against PyTorch's, from figures that make_torch_fixtures.py
// wrote.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/layers/activation.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/norm.h"
#include "nn/layers/pool.h"
#include "nn/layers/recurrent.h"
#include "nn/losses.h"
#include "nn/registry.h"
#include "nn/task_loss.h"
#include "optim/registry.h"
#include "tests/nn/digest.h"
#include "tests/paths.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;
using nlohmann::json;

namespace {

const json& fixtures() {
  static const json all = [] {
    std::ifstream file(tests_dir() / "fixtures/nn/torch.json");
    REQUIRE(file.good());
    return json::parse(file);
  }();
  return all;
}

// Largest difference over the largest value.
double distance(const Tensor& ours, const json& theirs) {
  const auto expected = theirs.get<std::vector<double>>();
  REQUIRE(ours.numel() >= static_cast<int64>(expected.size()));
  double worst = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(ours.data()[i]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return worst / largest;
}

DataShape data_of(const json& j) {
  return {.channels = j.value("channels", 0),
          .height = j.value("height", 0),
          .width = j.value("width", 0),
          .classes = j.value("classes", 0),
          .vocabulary = j.value("vocabulary", 0)};
}

struct Step {
  Input x;
  Target y;
};

Step step_of(const json& c, std::uint32_t k) {
  const DataShape d = data_of(c["data"]);
  const int64 n = c["batch"], t = c["tokens"];
  if (t) return {integers({n, t}, 10 + k, d.vocabulary), {integers({n, t}, 20 + k, d.vocabulary), {}}};
  return {numbers({n, d.channels, d.height, d.width}, 10 + k, std::sqrt(3.0)),
          {integers({n}, 20 + k, d.classes), {}}};
}

std::unique_ptr<Model> filled_model(const json& c) {
  auto model = make_model(c["spec"], data_of(c["data"]), Rng(0));
  fill(*model, c["gain"]);
  return model;
}

}  // namespace

TEST_CASE("torch parity: models have torch's names, layouts and outputs") {
  for (const json& c : fixtures()["models"]) {
    CAPTURE(c["spec"].get<std::string>());
    auto model = filled_model(c);
    std::vector<std::string> names;
    for (const auto& entry : state_dict(*model)) names.push_back(entry.first);
    CHECK(names == c["names"].get<std::vector<std::string>>());
    const Step first = step_of(c, 0);
    model->set_training(false);
    CHECK(distance((*model)(first.x), c["eval_logits"]) < (kDouble ? 1e-10 : 1e-4));
    model->set_training(true);
    CHECK(distance((*model)(first.x), c["train_logits"]) < (kDouble ? 1e-10 : 1e-4));
  }
}

TEST_CASE("torch parity: three steps of SGD, with momentum, and of AdamW") {
  for (const json& c : fixtures()["models"]) {
    for (const json& run : c["runs"]) {
      CAPTURE(c["spec"].get<std::string>());
      CAPTURE(run["optim"].get<std::string>());
      auto model = filled_model(c);
      const Parameters parameters = model->parameters();
      std::vector<Tensor> leaves;
      for (const ParameterPtr& p : parameters) leaves.push_back(p->value);
      const OptimizerPtr optimizer = make_optimizer(run["optim"].get<std::string>(), parameters);
      for (std::uint32_t k = 0; k < 3; ++k) {
        const Step s = step_of(c, k);
        const Tensor loss = task_loss(model->task(), (*model)(s.x), s.x, s.y);
        CHECK(loss.item() == doctest::Approx(run["losses"][k].get<double>()).epsilon(kDouble ? 1e-9 : 2e-4));
        const std::vector<Tensor> gradients = grad(loss, leaves);
        for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = gradients[i];
        optimizer->step(1, loss.item());
      }
      // "rounding": how far PyTorch's own float32 gets from its float64.
      const double tolerance = kDouble ? 1e-8 : std::max(1e-3, 4 * run["rounding"].get<double>());
      const bool adam = run["optim"].get<std::string>().starts_with("adam");
      for (const auto& [name, tensor] : state_dict(*model)) {
        // The bias of the keys has a gradient of exactly zero; Adam turns the rounding noise of float into
        // steps.
        if (!kDouble && adam && (name.ends_with("qkv.bias") || name.ends_with("c_attn.bias"))) continue;
        CAPTURE(name);
        CHECK(digest_distance(tensor, run["state"][name]) < tolerance);
      }
    }
  }
}

TEST_CASE("torch parity: layers and their gradients") {
  const Tensor planes = numbers({2, 6, 7, 5}, 3), rows = numbers({3, 4, 6}, 4), cells = numbers({3, 6}, 6);
  const auto check = [&](const char* name, Module& layer, const Tensor& value, auto&& run) {
    CAPTURE(name);
    const auto& all = fixtures()["layers"];
    const auto found = std::find_if(all.begin(), all.end(), [&](const json& j) { return j["name"] == name; });
    REQUIRE(found != all.end());
    const json& c = *found;
    const double tolerance = kDouble ? 1e-11 : 1e-4;
    fill(layer);
    const Tensor x = variable(value), y = run(layer, x);
    CHECK(std::vector<int64>(y.shape().begin(), y.shape().end()) == c["shape"].get<std::vector<int64>>());
    CHECK(digest_distance(y, c["output"]) < tolerance);
    std::vector<Tensor> leaves{x};
    const Parameters parameters = layer.parameters();
    for (const ParameterPtr& p : parameters) leaves.push_back(p->value);
    const std::vector<Tensor> gradients = grad(sum(y * numbers(y.shape(), 5)), leaves);
    CHECK(digest_distance(gradients[0], c["input_grad"]) < tolerance);
    CHECK(parameters.size() == c["grads"].size());
    for (size_t i = 0; i < parameters.size(); ++i) {
      CAPTURE(parameters[i]->name);
      CHECK(digest_distance(gradients[i + 1], c["grads"][parameters[i]->name]) < tolerance);
    }
    for (const Module::NamedBuffer& b : layer.buffers()) {
      CAPTURE(b.name);
      CHECK(digest_distance(b.value, c["buffers"][b.name]) < tolerance);
    }
  };
  const auto plain = [](Module& m, const Tensor& x) { return m(x); };
  Linear linear(6, 5);
  check("linear", linear, rows, plain);
  Conv2d conv(6, 8, 3, {.stride = 2, .pad = 1, .groups = 2});
  check("conv2d", conv, planes, plain);
  Conv2d depthwise(6, 12, 3, {.pad = 2, .dilation = 2, .groups = 6, .bias = false});
  check("conv2d-depthwise", depthwise, planes, plain);
  ConvTranspose2d transposed(6, 4, 3, {.stride = 2, .pad = 1, .groups = 2}, 1);
  check("conv_transpose2d", transposed, planes, plain);
  MaxPool2d max_pool(3, 2, 1);
  check("max_pool2d", max_pool, planes, plain);
  AvgPool2d avg_pool(3, 2, 1);
  check("avg_pool2d", avg_pool, planes, plain);
  Upsample nearest(2), bilinear(2, true);
  check("upsample-nearest", nearest, planes, plain);
  check("upsample-bilinear", bilinear, planes, plain);
  BatchNorm2d batch_norm(6);
  check("batch_norm2d", batch_norm, planes, plain);
  GroupNorm group_norm(3, 6);
  check("group_norm", group_norm, planes, plain);
  LayerNorm layer_norm(6);
  check("layer_norm", layer_norm, rows, plain);
  LSTM lstm(6, 4, 2);
  check("lstm", lstm, rows, plain);
  LSTMCell lstm_cell(6, 4);
  check("lstm_cell", lstm_cell, cells,
        [&](Module&, const Tensor& x) { return lstm_cell.step(x, lstm_cell.step(x, {})).h; });
  GRUCell gru_cell(6, 4);
  check("gru_cell", gru_cell, cells,
        [&](Module&, const Tensor& x) { return gru_cell.step(x, gru_cell.step(x, {})); });
}

TEST_CASE("torch parity: activations") {
  const Tensor x = numbers({12}, 8, 8);
  const json& theirs = fixtures()["activations"];
  CHECK(activations().size() == theirs.size());
  for (const Activation& a : activations()) {
    CAPTURE(a.name);
    REQUIRE(theirs.contains(a.name));
    CHECK(distance(Activate(a.name)(x), theirs[a.name]) < (kDouble ? 1e-12 : 1e-5));
  }
}

TEST_CASE("torch parity: losses") {
  const Tensor a = numbers({5, 4}, 31, 2), b = numbers({5, 4}, 32, 2), c = numbers({5, 4}, 33, 2);
  const IntTensor labels = integers({5}, 34, 4);
  const Tensor p = softmax(numbers({5, 4}, 35)), bits = greater(b, Tensor::scalar(0));
  const auto check = [&](const char* name, const Tensor& loss) {
    CAPTURE(name);
    CHECK(loss.item() ==
          doctest::Approx(fixtures()["losses"][name].get<double>()).epsilon(kDouble ? 1e-10 : 1e-5));
  };
  check("bce_with_logits", bce_with_logits(a, bits));
  check("l1_loss", l1_loss(a, b));
  check("huber_loss", huber_loss(a, b, real(0.7)));
  check("kl_loss", kl_loss(log_softmax(a), p));
  check("hinge_loss", hinge_loss(a, labels, real(0.8)));
  check("triplet_loss", triplet_loss(a, b, c, real(1.5)));
  check("info_nce", info_nce(a, b, real(0.2)));
  check("distillation_loss", distillation_loss(a, b, 3));
  check("cross_entropy_smooth", cross_entropy(a, labels, Reduction::kMean, real(0.1)));
}
