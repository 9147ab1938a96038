// What a LoRA step costs: counted in the graph that it records, on the default vision transformer.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "autograd/grad.h"
#include "autograd/graph.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "nn/adapters/lora.h"
#include "nn/adapters/registry.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "tests/nn/compare.h"
#include "tests/nn/hashed.h"
#include "tests/precision.h"

using namespace gradus;
using namespace gradus::tests;

namespace gradus::lora_cost_tests {

constexpr const char* kAdapter = "lora:rank=8,targets=*qkv+*attn.proj";

struct Photos {
  std::unique_ptr<Model> model =
      make_model("vit", {.channels = 3, .height = 32, .width = 32, .classes = 10}, Rng(1));
  Tensor x = numbers({1, 3, 32, 32}, 1);
  IntTensor y = IntTensor::full({1}, 3);
};

std::vector<const Node*> nodes_below(const Tensor& y) {
  std::vector<const Node*> found{node_of(y)};
  std::set<const Node*> seen{found[0]};
  for (size_t i = 0; i < found.size(); ++i)
    for (const Node::Input& in : found[i]->inputs())
      if (in.node && seen.insert(in.node.get()).second) found.push_back(in.node.get());
  return found;
}

// Multiply-adds of the passes of what was recorded.
struct Operations {
  double forward = 0, backward = 0;
};
Operations operations(const std::vector<const Node*>& nodes) {
  Operations all;
  for (const Node* n : nodes) {
    const std::string_view name = n->name();
    const auto wanted = [&](size_t i) { return n->inputs()[i].node != nullptr; };
    if (name.starts_with("linear")) {
      const Shape &x = n->input_shape(0), &w = n->input_shape(1);
      const auto rows = static_cast<double>(x.numel() / w[1]),
                 product = rows * static_cast<double>(w.numel());
      all.forward += product;
      all.backward += product * (wanted(0) + wanted(1));
      if (name != "linear_low_rank") continue;
      const auto r = static_cast<double>(n->input_shape(2)[0]), sum = static_cast<double>(w[0] + w[1]);
      all.forward += r * static_cast<double>(w.numel());
      all.backward += rows * r * sum * (wanted(2) + wanted(3));
    } else if (name.starts_with("conv2d")) {
      const Shape &x = n->input_shape(0), &w = n->input_shape(1);  // patches: each pixel once
      const double product = static_cast<double>(x.numel() * w[0]);
      all.forward += product;
      all.backward += product * (wanted(0) + wanted(1));
    } else if (name == "self_attention") {
      const Shape& qkv = n->input_shape(0);  // (B,T,3d): scores and weighted sums
      const double product = 2.0 * static_cast<double>(qkv[0] * qkv[1] * qkv[1] * (qkv[2] / 3));
      all.forward += product;
      all.backward += 2 * product;
    }
  }
  return all;
}

TEST_CASE("lora cost: no gradient of a frozen weight, none of what lies below the first adapted layer") {
  Photos photos;
  attach_adapters(*photos.model, kAdapter, Rng(2));
  std::map<std::string, bool> recorded;
  Tensor loss;
  {
    const CallTrace trace(
        [&](Module& m, const Input&, const Tensor& y) { recorded[m.path()] = requires_grad(y); });
    loss = cross_entropy((*photos.model)(photos.x), photos.y);
  }
  for (const char* below : {"patch_embed", "patch_embed.proj", "blocks.0.norm1"}) CHECK(!recorded.at(below));
  CHECK(recorded.at("blocks.0.attn.qkv"));
  // The leaves of the graph are the trained parameters and nothing else.
  std::set<const Node*> trained, leaves;
  for (const ParameterPtr& p : photos.model->trainable()) trained.insert(node_of(p->value));
  for (const Node* n : nodes_below(loss))
    if (!n->primitive()) leaves.insert(n);
  CHECK(leaves == trained);
  CHECK(trained.size() == 6 * 4 + 2);
}

TEST_CASE(
    "lora cost: three quarters of the operations of a full step, optimizer state for what is trained alone") {
  Photos full, adapted;
  attach_adapters(*adapted.model, kAdapter, Rng(2));
  const auto cost = [](Photos& p) { return operations(nodes_below(cross_entropy((*p.model)(p.x), p.y))); };
  const Operations whole = cost(full), lora = cost(adapted);
  // The forward pass is the same but for the sums W + s B A, which do not grow with the batch; both count the patches.
  const double embedding = 3.0 * 32 * 32 * 128, sums = 6 * 8.0 * (3 * 128 * 128 + 128 * 128);
  CHECK(lora.forward == whole.forward - embedding + sums);
  CHECK((whole.forward + lora.backward) / (whole.forward + whole.backward) < 0.75);
  const auto state_bytes = [](Photos& p) {
    const Parameters trained = p.model->trainable();
    const OptimizerPtr rule = make_optimizer("adamw:lr=1e-3", trained);
    for (const ParameterPtr& q : trained) q->grad = Tensor::ones(q->value.shape());
    rule->step();
    return static_cast<int64>(rule->state_bytes());
  };
  const int64 factors = 6 * (8 * (128 + 384) + 8 * (128 + 128)), head = 128 * 10 + 10;
  CHECK(count_parameters(*adapted.model).trainable == factors + head);
  CHECK(state_bytes(adapted) == 2 * (factors + head) * static_cast<int64>(sizeof(real)));
  CHECK(state_bytes(full) == 2 * count_parameters(*full.model).all * static_cast<int64>(sizeof(real)));
}

TEST_CASE("lora: both forms of the layer have the same outputs and gradients") {
  // Eight rows an input for each of r take one form, one row the other.
  const Tensor x = numbers({16, 6}, 1), W0 = numbers({5, 6}, 2), bias = numbers({5}, 3),
               g = numbers({16, 5}, 6);
  const Tensor A = variable(numbers({2, 6}, 4)), B = variable(numbers({5, 2}, 5));
  const Tensor at_once = lora_linear(x, W0, bias, A, B, 1.5);
  CHECK(std::string_view(node_of(at_once)->name()) == "linear_low_rank");
  const std::vector<Tensor> whole = grad(sum(at_once * g), {A, B});
  Tensor dA = Tensor::zeros({2, 6}), dB = Tensor::zeros({5, 2});
  for (int64 i = 0; i < 16; ++i) {
    const Tensor row = lora_linear(x.rows(i, i + 1), W0, bias, A, B, 1.5);
    CHECK(gap(row.detach(), at_once.detach().rows(i, i + 1)) < (kDouble ? 1e-13 : 1e-5));
    const std::vector<Tensor> part = grad(sum(row * g.rows(i, i + 1)), {A, B});
    dA = dA + part[0], dB = dB + part[1];
  }
  CHECK(gap(dA, whole[0]) < (kDouble ? 1e-12 : 1e-4));
  CHECK(gap(dB, whole[1]) < (kDouble ? 1e-12 : 1e-4));
}

}  // namespace gradus::lora_cost_tests
