#include "nn/recompute.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/allocator.h"
#include "nn/adapters/registry.h"
#include "nn/losses.h"
#include "nn/registry.h"
#include "tests/nn/compare.h"

using namespace gradus;

namespace {

const DataShape kRecomputeText{.vocabulary = 11};
const DataShape kRecomputePictures{.channels = 3, .height = 8, .width = 8, .classes = 4};

IntTensor tokens(const Shape& shape, Rng& rng) {
  IntTensor t(shape);
  for (int64 i = 0; i < t.numel(); ++i) t.mutable_data()[i] = rng.below(11);
  return t;
}

std::vector<Tensor> trained_values(const Model& model) {
  std::vector<Tensor> values;
  for (const ParameterPtr& p : model.trainable()) values.push_back(p->value);
  return values;
}

struct TrainingPass {
  Tensor loss;
  std::vector<Tensor> grads;
  std::vector<std::vector<real>> buffers;
  Tensor second;  // what the model gives afterwards: its generator and its statistics have moved on
};

// Loss, gradients and what a pass leaves behind, in training mode.
TrainingPass training_pass(const std::string& spec, const DataShape& data, bool recompute,
                           const std::string& adapter = "") {
  const auto model = make_model(spec, data, Rng(3));
  if (!adapter.empty()) {
    Rng rng(4);
    attach_adapters(*model, adapter, rng);
    for (const ParameterPtr& p : model->trainable()) {  // B starts at 0 and would hide A
      Tensor value = p->value.detach();
      if (p->name.find("lora_B") != std::string::npos) value.copy_from(rng.normal_tensor(value.shape()));
    }
  }
  if (recompute) recompute_blocks(*model);
  model->run().rng = Rng(5);
  model->set_training(true);
  Rng rng(6);
  const bool text = data.vocabulary > 0;
  const Input x = text ? Input(tokens({3, 5}, rng)) : Input(rng.normal_tensor({4, 3, 8, 8}));
  TrainingPass pass;
  const Tensor y = (*model)(x);
  pass.loss = sum(y * rng.normal_tensor(y.shape()));
  pass.grads = grad(pass.loss, trained_values(*model));
  model->visit([&](Module& m, const std::string&) {
    for (const auto& b : m.buffers()) pass.buffers.push_back(b.value.values());
  });
  pass.second = (*model)(x).detach();
  return pass;
}

void check_same(const TrainingPass& a, const TrainingPass& b) {
  CHECK(a.loss.values() == b.loss.values());
  REQUIRE(a.grads.size() == b.grads.size());
  for (size_t i = 0; i < a.grads.size(); ++i) {
    CAPTURE(i);
    CHECK(a.grads[i].values() == b.grads[i].values());
  }
  CHECK(a.buffers == b.buffers);
  CHECK(a.second.values() == b.second.values());
}

constexpr const char* kGpt = "gpt:block=8,dim=16,layers=3,heads=2,dropout=0.2";

}  // namespace

TEST_CASE("recompute: the same bits of loss, gradients, statistics and draws") {
  for (const auto& [spec, data] : {std::pair<const char*, DataShape>{kGpt, kRecomputeText},
                                   {"gpt:block=8,dim=16,layers=3,heads=2,tie=true,norm=rms", kRecomputeText},
                                   {"vit:patch=4,dim=16,depth=3,heads=2,dropout=0.1", kRecomputePictures},
                                   {"resnet20:width=4", kRecomputePictures},
                                   {"mobilenet-mini", kRecomputePictures}}) {
    CAPTURE(std::string(spec));
    check_same(training_pass(spec, data, false), training_pass(spec, data, true));
  }
}

TEST_CASE("recompute: gradients reach adapters, whose tensors layers see through maps") {
  const std::string lora = "lora:rank=2,alpha=4,targets=*attn.c_attn+*mlp.c_fc";
  const TrainingPass plain = training_pass(kGpt, kRecomputeText, false, lora),
                     again = training_pass(kGpt, kRecomputeText, true, lora);
  check_same(plain, again);
  CHECK(plain.grads.size() == 12);  // A and B of two layers in three blocks
  for (const Tensor& g : plain.grads) CHECK(sum(g * g).item() > 0);
}

TEST_CASE("recompute: gradients of gradients") {
  const auto hessian_product = [](bool recompute) {
    const auto model = make_model("gpt:block=8,dim=8,layers=3,heads=2", kRecomputeText, Rng(3));
    if (recompute) recompute_blocks(*model);
    Rng rng(6);
    const Tensor y = (*model)(tokens({2, 5}, rng));
    const std::vector<Tensor> values = trained_values(*model);
    const std::vector<Tensor> first = grad(sum(y * y), values, {.create_graph = true});
    Tensor dot;
    for (const Tensor& g : first) {
      const Tensor part = sum(g * rng.normal_tensor(g.shape()));
      dot = dot ? dot + part : part;
    }
    return grad(dot, values);
  };
  const auto plain = hessian_product(false), again = hessian_product(true);
  for (size_t i = 0; i < plain.size(); ++i) {
    double scale = 0;
    for (const real v : plain[i].span()) scale = std::max(scale, std::abs(static_cast<double>(v)));
    CAPTURE(i);
    CHECK(tests::gap(plain[i], again[i]) <= (sizeof(real) == 8 ? 1e-12 : 1e-4) * scale);
  }
}

TEST_CASE("recompute: of eight blocks less than half of the activations are alive at once") {
  const auto peak = [](bool recompute) {
    const auto model = make_model("gpt:block=32,dim=32,layers=8,heads=2", kRecomputeText, Rng(3));
    if (recompute) recompute_blocks(*model);
    Rng rng(6);
    const IntTensor x = tokens({16, 32}, rng);
    const auto before = allocator_stats().bytes_in_use;
    reset_peak_memory();
    {
      const Tensor y = (*model)(x);
      grad(sum(y * y), trained_values(*model));
    }
    return allocator_stats().peak_bytes_in_use - before;
  };
  CHECK(peak(true) * 2 < peak(false));
}

TEST_CASE("recompute: which blocks, and who has none") {
  const auto gpt = make_model(kGpt, kRecomputeText, Rng(0));
  CHECK(recompute_blocks(*gpt) == 2);
  CHECK(gpt->find("transformer.h.0").recomputes());
  CHECK(gpt->find("transformer.h.1").recomputes());
  CHECK_FALSE(gpt->find("transformer.h.2").recomputes());
  CHECK_FALSE(gpt->find("transformer.h.0.mlp").recomputes());
  const auto resnet = make_model("resnet20:width=4", kRecomputePictures, Rng(0));
  CHECK(recompute_blocks(*resnet) == 8);
  CHECK_FALSE(resnet->find("layer3.2").recomputes());
  CHECK_THROWS_AS(recompute_blocks(*make_model("mlp", kRecomputePictures, Rng(0))), UsageError);
  CHECK_THROWS_AS(recompute_blocks(*make_model("gpt:layers=1", kRecomputeText, Rng(0))), UsageError);
  CHECK_THROWS_AS(recompute_blocks(
                      *make_model("unet", {.channels = 1, .height = 28, .width = 28, .classes = 10}, Rng(0))),
                  UsageError);
}
