// LoRA and DoRA beside linear layers: by hand, merging, which layers of a network are reached, what stays as it is.
#include "nn/adapters/lora.h"

#include "autograd/functional/functional.h"
#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "nn/adapters/registry.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::lora_tests {

const double kExact = kDouble ? 1e-12 : 1e-5;
const DataShape kSmallImages{.channels = 1, .height = 4, .width = 4, .classes = 3};

std::unique_ptr<Model> small_vit() {
  return make_model("vit:patch=2,dim=8,depth=1,heads=2,mlp_ratio=2", kSmallImages, Rng(1));
}
// Other values in every trained tensor, so that adapters add something.
void stir(Module& model) {
  for (const ParameterPtr& p : model.trainable()) {
    Rng rng = Rng(5).fork(p->name);
    p->value.detach().copy_from(rng.normal_tensor(p->value.shape(), 0, real(0.3)));
  }
}
Tensor logits_of(Model& model, const Tensor& x) {
  const Recording off(false);
  const ModeScope evaluation(model, false);
  return model(x);
}

TEST_CASE("lora: the scaling is alpha/r, with rslora alpha/sqrt(r)") {
  CHECK(lora_scaling(16, 8, false) == 2);
  CHECK(lora_scaling(16, 4, true) == 8);
  CHECK_THROWS_AS(lora_scaling(16, 0, false), UsageError);
}

TEST_CASE("lora: a weight and a layer by hand") {
  const Tensor W0 = Tensor::from({2, 2}, {1, 2, 3, 4}), A = Tensor::from({1, 2}, {1, -1}),
               B = Tensor::from({2, 1}, {2, 3});
  CHECK(gap(lora_weight(W0, A, B, 0.5), Tensor::from({2, 2}, {2, 1, real(4.5), real(2.5)})) < kExact);
  const Tensor y = lora_linear(Tensor::from({1, 2}, {3, 1}), W0, Tensor::from({2}, {10, 20}), A, B, 0.5);
  // x A' = 2; 0.5*2*B = (2, 3); x W0' = (5, 13).
  CHECK(gap(y, Tensor::from({1, 2}, {17, 36})) < kExact);
  CHECK_THROWS_AS(lora_weight(W0, Tensor::zeros({1, 3}), B, 1), ShapeError);
  CHECK_THROWS_AS(lora_weight(W0, A, Tensor::zeros({2, 2}), 1), ShapeError);
}

TEST_CASE(
    "dora: rows have the lengths of the magnitudes; with the weight's own norms and B = 0 it is the weight") {
  const Tensor W0 = numbers({3, 4}, 1), A = numbers({2, 4}, 2), B = numbers({3, 2}, 3);
  const Tensor magnitude = Tensor::from({3}, {1, 2, real(0.5)});
  CHECK(gap(row_norms(dora_weight(W0, A, B, magnitude, 2)), magnitude) < kExact);
  CHECK(gap(dora_weight(W0, A, Tensor::zeros({3, 2}), row_norms(W0), 2), W0) < kExact);
}

TEST_CASE("lora: attached adapters leave the outputs as they are, and train themselves and the head alone") {
  for (const char* spec : {"lora:rank=2", "dora:rank=2", "allora:rank=2"}) {
    CAPTURE(spec);
    const auto model = small_vit();
    const Tensor x = numbers({3, 1, 4, 4}, 4), before = logits_of(*model, x);
    const int64 all = count_parameters(*model).all;
    const auto layers = attach_adapters(*model, spec, Rng(2));
    CHECK(layers.size() == 4);
    CHECK(gap(logits_of(*model, x), before) < kExact);
    const ParameterCount count = count_parameters(*model);
    // qkv (24,8), proj (8,8), fc1 (16,8), fc2 (8,16) with r = 2; the head (3,8) with its bias.
    const int64 factors = 2 * (32 + 16 + 24 + 24), head = 27,
                lengths = std::string(spec).starts_with("dora") ? 56 : 0;
    CHECK(count.trainable == factors + head + lengths);
    CHECK(count.all == all + factors + lengths);
    for (const ParameterPtr& p : model->trainable())
      CHECK((p->name.starts_with("head.") || p->name.find(".adapter.lora_") != std::string::npos));
  }
  CHECK(ParameterCount{1234, 56789}.str() == "trainable 1,234 of 56,789 (2.17 %)");
}

TEST_CASE("adapters: merged and adapted outputs agree, and unmerging gives back the weights bit for bit") {
  for (const char* spec : {"lora:rank=3,scaling=rslora", "dora:rank=2", "allora:rank=2", "c3a:block=4",
                           "c3a:route=fft", "ard-lora:r0=2,r_max=3", "elalora:rank=2"}) {
    CAPTURE(spec);
    const auto model = small_vit();
    const auto layers = attach_adapters(*model, spec, Rng(2));
    stir(*model);
    const Tensor x = numbers({5, 1, 4, 4}, 4), adapted = logits_of(*model, x);
    const std::vector<real> weight = layers[0].layer->weight.parameter()->value.values();
    merge_adapters(*model);
    CHECK(gap(logits_of(*model, x), adapted) < (kDouble ? 1e-12 : 1e-5));
    CHECK(layers[0].layer->weight.parameter()->value.values() != weight);
    CHECK_THROWS_AS(merge_adapters(*model), UsageError);
    unmerge_adapters(*model);
    CHECK(layers[0].layer->weight.parameter()->value.values() == weight);
    CHECK(gap(logits_of(*model, x), adapted) == 0);
    CHECK_THROWS_AS(unmerge_adapters(*model), UsageError);
  }
}

TEST_CASE("adapters: gradients are those of finite differences") {
  if (!kDouble) return;
  for (const char* spec : {"lora:rank=2", "dora:rank=2,detach_norm=false", "c3a:block=4", "c3a:route=fft",
                           "elalora:rank=2", "ard-lora:r0=2,r_max=3"}) {
    CAPTURE(spec);
    const auto model = make_model("mlp:hidden=8-8,act=tanh", kSmallImages, Rng(1));
    attach_adapters(*model, spec, Rng(2));
    stir(*model);
    const Tensor x = numbers({4, 1, 4, 4}, 6);
    const IntTensor y = IntTensor::from({4}, {0, 2, 1, 1});
    const GradCheck check = grad_check([&] { return cross_entropy((*model)(x), y); }, model->trainable());
    CHECK(check.worst() < 1e-6);
  }
}

TEST_CASE("adapters: targets and ranks choose the layers") {
  auto model = small_vit();
  const auto layers = attach_adapters(*model, "lora:rank=4,targets=*attn*,ranks=*qkv=1+*proj=0", Rng(2));
  REQUIRE(layers.size() == 1);
  CHECK(layers[0].path == "blocks.0.attn.qkv");
  CHECK(dynamic_cast<LoraAdapter*>(layers[0].adapter())->options().rank == 1);
  CHECK_THROWS_AS(attach_adapters(*model, "lora:targets=*qkv", Rng(2)), UsageError);  // has one
  model = small_vit();
  CHECK(message([&] { attach_adapters(*model, "lora:targets=*atn*", Rng(2)); }).find("blocks.0.attn.qkv") !=
        std::string::npos);
  CHECK(message([] { check_adapter_spec("lorra:rank=2"); }).find("lora") != std::string::npos);
  CHECK_THROWS_AS(check_adapter_spec("lora:rank=0"), UsageError);
  CHECK_THROWS_AS(check_adapter_spec("lora:ranks=qkv"), UsageError);
  CHECK_THROWS_AS(check_adapter_spec("c3a:ranks=*=1"), UsageError);
  CHECK_THROWS_AS(attach_adapters(*model, "c3a:block=5", Rng(2)), UsageError);
}

TEST_CASE("adapters: a fused layer goes through its adapter, and dropout draws while training alone") {
  Linear layer(3, 2);
  layer.initialise(Rng(1));
  auto& lora = dynamic_cast<LoraAdapter&>(layer.attach_adapter(
      std::make_unique<LoraAdapter>(3, 2, LoraOptions{.rank = 1, .alpha = 1, .dropout = 0.5})));
  lora.initialise(Rng(2));
  lora.B.parameter()->value.detach().fill(1);
  const Tensor x = numbers({6, 3}, 3);
  layer.set_training(false);
  CHECK(gap(layer.relu(x), relu(layer(x))) == 0);
  CHECK(gap(layer.gelu(x), gelu(layer(x))) == 0);
  const Tensor plain = lora_linear(x, layer.weight, layer.bias, lora.A, lora.B, 1);
  CHECK(gap(layer(x), plain) < kExact);
  layer.set_training(true);
  layer.run().rng = Rng(4);
  CHECK(gap(layer(x), plain) > 1e-3);
  CHECK_THROWS_AS(layer.attach_adapter(std::make_unique<LoraAdapter>(3, 2, LoraOptions{})), UsageError);
}

}  // namespace gradus::lora_tests
