// LoRA beside convolutions: kernels as a matrix by hand, merging, which layers are reached, files in PEFT's form.
#include "nn/adapters/lora_conv.h"

#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/json_file.h"
#include "core/safetensors.h"
#include "nn/adapters/adapter_file.h"
#include "nn/adapters/registry.h"
#include "nn/layers/conv.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"
#include "tests/temp_dir.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::lora_conv_tests {

const double kLogits = kDouble ? 1e-12 : 1e-5;
const DataShape kPhotos{.channels = 2, .height = 8, .width = 8, .classes = 3};

std::unique_ptr<Model> photo_model(const std::string& spec) {
  auto model = make_model(spec, kPhotos, Rng(1));
  fill(*model);
  return model;
}
void stir_trained(Module& model) {
  for (const ParameterPtr& p : model.trainable()) {
    Rng rng = Rng(5).fork(p->name);
    p->value.detach().copy_from(rng.normal_tensor(p->value.shape(), 0, real(0.1)));
  }
}
Tensor scores_of(Model& model, const Tensor& x) {
  const Recording off(false);
  const ModeScope evaluation(model, false);
  return model(x);
}

TEST_CASE("lora conv: a layer by hand, and the weight that does the same") {
  // One channel in, two out, kernels 1x2; A takes the difference of neighbours, B gives it to the second channel three times.
  const Tensor W0 = Tensor::from({2, 1, 1, 2}, {1, 0, 0, 1}), A = Tensor::from({1, 1, 1, 2}, {-1, 1}),
               B = Tensor::from({2, 1, 1, 1}, {0, 3});
  CHECK(lora_conv_weight(W0, A, B, 2).values() == std::vector<real>{1, 0, -6, 7});
  LoraConvAdapter adapter({2, 1, 1, 2}, {.rank = 1, .alpha = 2});
  adapter.A.parameter()->value.detach().copy_from(A);
  adapter.B.parameter()->value.detach().copy_from(B);
  const Tensor x = Tensor::from({1, 1, 1, 3}, {1, 4, 2}), bias = Tensor::from({2}, {10, 20});
  // Channel 0: 1, 4 and its bias; channel 1: 4, 2 plus 6*(3, -2) and its bias.
  CHECK(adapter.output(x, W0, bias, {}).values() == std::vector<real>{11, 14, 42, 10});
  CHECK(adapter.merged_weight(W0).values() == std::vector<real>{1, 0, -6, 7});
  CHECK_THROWS_AS(lora_conv_weight(W0, Tensor::zeros({1, 1, 2, 1}), B, 1), ShapeError);
  CHECK_THROWS_AS(lora_conv_weight(W0, A, Tensor::zeros({2, 2, 1, 1}), 1), ShapeError);
}

TEST_CASE("lora conv: first values are torch's, the layer's outputs at first its own") {
  const auto model = photo_model("lenet:conv1=4,conv2=6,hidden=5");
  const Tensor x = numbers({3, 2, 8, 8}, 4), before = scores_of(*model, x);
  const auto layers = attach_adapters(*model, "lora:rank=3,targets=*conv*", Rng(2));
  REQUIRE(layers.size() == 2);
  CHECK(gap(scores_of(*model, x), before) == 0);
  const auto& lora = dynamic_cast<const LoraConvAdapter&>(*layers[1].adapter());
  CHECK(lora.A.shape() == Shape{3, 4, 3, 3});
  CHECK(lora.B.shape() == Shape{6, 3, 1, 1});
  const Tensor a = lora.A;
  const double bound = 1.0 / 6;  // 1/sqrt(4*3*3)
  double most = 0;
  for (const real v : a.span()) most = std::max(most, std::abs(static_cast<double>(v)));
  CHECK(most <= bound);
  CHECK(most > 0.9 * bound);
  // 3 kernels of A, 3 numbers a channel of B; the head fc2 with its bias.
  CHECK(count_parameters(*model).trainable == 3 * (18 + 36) + 3 * (4 + 6) + 5 * 3 + 3);
}

TEST_CASE("lora conv: merged and adapted outputs agree, unmerging gives the weights back bit for bit") {
  // mobilenet has depthwise convolutions, resnet8 strides and shortcuts.
  for (const auto& [net, targets] : {std::pair{"lenet:conv1=4,conv2=6,hidden=5", "*conv*"},
                                     {"lenet:conv1=4,conv2=6,hidden=5", "*"},
                                     {"resnet8:width=3", "*"},
                                     {"mobilenet-mini:width=0.125,expand=2", "*"}}) {
    CAPTURE(net);
    for (const char* options : {"rank=2,alpha=3", "rank=3,scaling=rslora,dropout=0.3"}) {
      const auto model = photo_model(net);
      const Tensor x = numbers({3, 2, 8, 8}, 4), before = scores_of(*model, x);
      const auto layers =
          attach_adapters(*model, fmt::format("lora:{},targets={}", options, targets), Rng(2));
      stir_trained(*model);
      const Tensor adapted = scores_of(*model, x);
      CHECK(gap(adapted, before) > 1e-3);
      const std::vector<real> weight = layers[0].layer->weight.parameter()->value.values();
      double size = 0;
      for (const real v : adapted.span()) size = std::max(size, std::abs(static_cast<double>(v)));
      merge_adapters(*model);
      CHECK(gap(scores_of(*model, x), adapted) <= kLogits * std::max(size, 1.0));
      CHECK(layers[0].layer->weight.parameter()->value.values() != weight);
      unmerge_adapters(*model);
      CHECK(layers[0].layer->weight.parameter()->value.values() == weight);
      CHECK(gap(scores_of(*model, x), adapted) == 0);
    }
  }
}

TEST_CASE("lora conv: gradients are those of finite differences, of the merged weight and through groups") {
  if (!kDouble) return;
  const auto model = photo_model("lenet:conv1=3,conv2=4,hidden=5");
  attach_adapters(*model, "lora:rank=2,targets=*", Rng(2));
  stir_trained(*model);
  const Tensor x = numbers({2, 2, 8, 8}, 6);
  const IntTensor y = IntTensor::from({2}, {0, 2});
  CHECK(grad_check([&] { return cross_entropy((*model)(x), y); }, model->trainable()).worst() < 1e-6);
  for (const int64 groups : {1, 2}) {
    Conv2d layer(4, 6, 3, {.stride = 2, .pad = 1, .groups = groups});
    layer.initialise(Rng(3));
    layer.weight.parameter()->frozen = layer.bias.parameter()->frozen = true;
    layer.attach_adapter(
        std::make_unique<LoraConvAdapter>(layer.weight.shape(), LoraOptions{.rank = 2, .alpha = 3}));
    stir_trained(layer);
    const Tensor in = numbers({2, 4, 5, 5}, 7), g = numbers({2, 6, 3, 3}, 8);
    CHECK(grad_check([&] { return sum(layer(in) * g); }, layer.trainable()).worst() < 1e-6);
    CHECK(gap(layer.relu(in), relu(layer(in))) == 0);
    const Tensor adapted = layer(in), merged = layer.adapter()->merged_weight(layer.weight);
    CHECK(gap(conv2d(in, merged, layer.bias, {2, 2, 1, 1, 1, 1, groups}), adapted) < 1e-12);
  }
}

TEST_CASE("lora conv: dropout draws while training alone") {
  Conv2d layer(2, 3, 3);
  layer.initialise(Rng(1));
  layer.attach_adapter(
      std::make_unique<LoraConvAdapter>(layer.weight.shape(), LoraOptions{.rank = 1, .dropout = 0.5}));
  stir_trained(layer);
  const Tensor x = numbers({2, 2, 5, 5}, 3);
  layer.set_training(false);
  const Tensor plain = layer(x);
  CHECK(gap(layer(x), plain) == 0);
  layer.set_training(true);
  layer.run().rng = Rng(4);
  CHECK(gap(layer(x), plain) > 1e-3);
}

TEST_CASE("lora conv: targets, ranks, kinds that are for linear layers, kernels that a layer normalises") {
  auto model = photo_model("resnet8:width=3");
  const auto layers = attach_adapters(*model, "lora:rank=4,targets=layer1*,ranks=*conv1=1+*conv2=2", Rng(2));
  REQUIRE(layers.size() == 2);
  CHECK(layers[0].path == "layer1.0.conv1");
  CHECK(layers[0].layer->weight.shape() == Shape{3, 3, 3, 3});
  CHECK(dynamic_cast<const LoraConvAdapter&>(*layers[0].adapter()).options().rank == 1);
  CHECK(dynamic_cast<const LoraConvAdapter&>(*layers[1].adapter()).options().rank == 2);
  model = photo_model("lenet:conv1=4,conv2=6,hidden=5");
  CHECK(attach_adapters(*model, "lora:rank=1", Rng(2)).size() == 1);  // linear layers unless others are named
  model = photo_model("lenet:conv1=4,conv2=6,hidden=5");
  const std::string refused = message([&] { attach_adapters(*model, "c3a:targets=conv1", Rng(2)); });
  CHECK(refused.find("conv1 is a convolution, beside which only lora can stand") != std::string::npos);
  CHECK(attach_adapters(*model, "c3a:targets=*", Rng(2)).size() == 1);
  const auto standardised = photo_model("nf-resnet:depth=8,width=2");
  CHECK_THROWS_AS(attach_adapters(*standardised, "lora:targets=*conv*", Rng(2)), UsageError);
}

TEST_CASE(
    "lora conv: files hold PEFT's names and shapes, statistics that moved, and give the same model again") {
  const TempDir dir;
  const std::string net = "resnet8:width=3", spec = "lora:rank=2,alpha=3,targets=*conv*,ranks=conv1=1";
  const auto model = photo_model(net), other = photo_model(net), peft = photo_model(net);
  attach_adapters(*model, spec, Rng(2));
  stir_trained(*model);
  const Tensor x = numbers({4, 2, 8, 8}, 4);
  (*model)(x);  // a pass in training mode: running statistics move
  save_adapter(dir.path(), *model, spec, "base.safetensors");
  const TensorFile file = read_safetensors(dir.path() + "/adapter_model.safetensors");
  const std::string layer = "base_model.model.layer2.0.conv1.";
  CHECK(file.get(layer + "lora_A.weight", "").shape() == Shape{2, 3, 3, 3});
  CHECK(file.get(layer + "lora_B.weight", "").shape() == Shape{6, 2, 1, 1});
  CHECK(file.find("base_model.model.bn1.running_mean") != nullptr);
  CHECK(file.find("base_model.model.bn1.weight") != nullptr);
  CHECK(file.find("base_model.model.conv1.weight") == nullptr);
  nlohmann::json json = read_json(dir.path() + "/adapter_config.json");
  CHECK(json.at("r") == 1);
  CHECK(json.at("rank_pattern").at("layer2.0.conv1") == 2);
  CHECK(json.at("modules_to_save").size() == 10);  // nine of batch norm, and fc
  CHECK(load_adapter(*other, dir.path()).size() == 7);
  CHECK(gap(scores_of(*other, x), scores_of(*model, x)) == 0);
  // As PEFT writes it: no word of gradus.
  json.erase("gradus_adapter");
  write_json(dir.path() + "/adapter_config.json", json);
  load_adapter(*peft, dir.path());
  CHECK(gap(scores_of(*peft, x), scores_of(*model, x)) == 0);
}

}  // namespace gradus::lora_conv_tests
