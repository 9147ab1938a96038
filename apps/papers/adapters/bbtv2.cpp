// BBTv2.
// Paper: Sun, He, Qian, Zhou, Huang, Qiu, "BBTv2: Towards a Gradient-Free Future with Large Language Models", EMNLP 2022,
//        arXiv 2205.11200.
//   prompt_l = projection_l z_l at every layer, one CMA-ES a layer, layer after layer, on the loss of a few examples alone
// The claims, for a network pre-trained on digits and 16 examples a class of digits turned by 45 degrees: prompts of all layers are
// more accurate than those of the first alone (v1) at the same number of evaluations, these more than no prompts, and within 5 points
// of prompts trained by gradients.
// Departures: the network is one of tokens that meet in their mean (nn/adapters/deep_prompt.h), three layers of 32 on 16 patches with
// learned positions, a token for the class and two for prompts; d = 40, lam = 20, 1,800 evaluations; the last prompts are used, no
// development set. Step and size (sigma = alpha) are tuned for both versions.
#include <cmath>

#include "apps/finetune/black_box_prompts.h"
#include "apps/papers/adapters/bbtv2_cases.h"
#include "apps/papers/adapters/rule_case.h"
#include "apps/papers/backprop-free/image_task.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/safetensors.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kWidth = 32, kLayers = 3, kPatch = 7, kSide = 4, kTokens = 3 + kSide * kSide,
                kPromptTokens = 2;
constexpr const char* kPromptNames[] = {"U", "V", "head", "embed", "position", "class"};

// The tensors of the whole network, in the order of kPromptNames.
using PromptedTensors = std::vector<Tensor>;

MixingNetwork mixing_of(std::span<const Tensor> w) { return {w[0], w[1], w[2]}; }

// Images (N,1,28,28) as patches (N,16,49).
Tensor patches_of_images(const Tensor& x) {
  const Tensor cut = reshape(x, Shape{x.dim(0), kSide, kPatch, kSide, kPatch});
  return reshape(permute(cut, {0, 1, 3, 2, 4}), Shape{x.dim(0), kSide * kSide, kPatch * kPatch});
}

// The embedding of the patches alone, and all tokens: the class, prompts of zeros, patches. (N,T,D)
Tensor embedded_patches(std::span<const Tensor> w, const Tensor& x) {
  return linear(patches_of_images(x), w[3]) + w[4];
}
Tensor prompt_tokens(std::span<const Tensor> w, const Tensor& x) {
  const Tensor patches = embedded_patches(w, x),
               first = broadcast_to(reshape(w[5], Shape{1, 1, kWidth}), Shape{x.dim(0), 1, kWidth});
  return concat(std::vector<Tensor>{first, Tensor::zeros({x.dim(0), kPromptTokens, kWidth}), patches}, 1);
}

void pretrain_prompted(const Trial& trial, const std::string& path) {
  const ImageTask task(trial, "mnist", 20000, 64, 64);
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("prompted");
  const real small = static_cast<real>(1 / std::sqrt(static_cast<double>(kWidth)));
  RuleSteps rule("adamw:lr=2e-3,weight_decay=0", {rng.normal_tensor({kLayers, kWidth, kWidth}, 0, small),
                                                  rng.normal_tensor({kLayers, kWidth, kWidth}, 0, small),
                                                  rng.normal_tensor({task.classes(), kWidth}, 0, small),
                                                  rng.normal_tensor({kWidth, kPatch * kPatch}, 0, real(0.1)),
                                                  rng.normal_tensor({kSide * kSide, kWidth}, 0, real(0.3)),
                                                  rng.normal_tensor({kWidth}, 0, real(0.3))});
  Outcome outcome;
  run_steps(trial, 800, outcome, [&](int64 t) {
    const Batch batch = task.batch(t);
    rule.step([&](std::span<const Tensor> w) {
      return prompted_loss(mixing_of(w), prompt_tokens(w, batch.x), batch.y, {}, 1);
    });
  });
  TensorFile file;
  for (size_t i = 0; i < rule.values().size(); ++i) file.tensors.emplace_back(kPromptNames[i], rule.value(i));
  write_safetensors(path, file);
}

// 16 examples of each class among the first training images.
Batch few_shots(const ImageTask& task, int64 shots) {
  const Batch all = task.batch(0);
  std::vector<int64> rows, count(static_cast<size_t>(task.classes()), 0), labels;
  for (int64 i = 0; i < all.size(); ++i)
    if (count[static_cast<size_t>(all.y[i])]++ < shots) rows.push_back(i), labels.push_back(all.y[i]);
  const IntTensor index = integers_of(rows);
  Batch out;
  out.x = index_select(all.x, 0, index);
  out.y = integers_of(labels);
  return out;
}

Outcome tune_prompts(const Trial& trial) {
  Outcome outcome;
  const std::string& method = trial.word("method");
  const std::string path =
      trial.base(fmt::format("prompted{}-{}.safetensors", trial.tuning ? "-tuning" : "", trial.seed),
                 [&](const std::string& to) { pretrain_prompted(trial, to); });
  const TensorFile file = read_safetensors(path);
  PromptedTensors w;
  for (const char* name : kPromptNames) w.push_back(file.get(name, path));
  const ImageTask task(trial, "mnist:rotate=45", 1000, 1000, 3000);
  const Batch few = few_shots(task, 16);
  Tensor prompts = Tensor::zeros({kLayers, kPromptTokens, kWidth});
  const auto accuracy = [&] {
    return task.test_accuracy(
        [&](const Tensor& x) { return prompted_logits(mixing_of(w), prompt_tokens(w, x), prompts, 1); });
  };
  const Tensor hidden = prompt_tokens(w, few.x).detach();
  outcome.metrics["backward_passes"] = 0;
  if (method == "v1" || method == "v2") {
    const double size = trial.number("size");
    Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("search");
    const int64 d = 40, lam = 20;
    BlackBoxPrompts search(mixing_of(w), hidden, few.y, embedded_patches(w, few.x),
                           rng.normal_tensor({kLayers, kPromptTokens * kWidth, d}), lam,
                           {method, kPromptTokens, 1, size, size});
    const int64 budget = trial.quick ? 3 * lam : 1800;
    Curve& curve = outcome.curves["loss"];
    curve.x_label = "evaluation";
    std::vector<double> normals(static_cast<size_t>(d * lam));
    while (search.forward_passes() < budget) {
      trial.checkpoint(static_cast<double>(search.forward_passes()) / static_cast<double>(budget));
      for (int64 l = 0; l < search.searched_layers(); ++l) {
        for (double& z : normals) z = rng.normal();
        curve.y.push_back(search.generation(l, normals));
        curve.x.push_back(static_cast<double>(search.forward_passes()));
      }
    }
    prompts = search.best_prompts();
    outcome.metrics["evaluations"] = static_cast<double>(search.forward_passes());
  } else if (method == "gradient" || method == "head") {
    RuleSteps rule("adamw:weight_decay=0,lr=" + trial.word("size"), {method == "head" ? w[2] : prompts});
    run_steps(trial, 300, outcome, [&](int64) {
      rule.step([&](std::span<const Tensor> p) {
        MixingNetwork net = mixing_of(w);
        if (method == "head") net.head = p[0];
        return prompted_loss(net, hidden, few.y, method == "head" ? prompts : p[0], 1);
      });
    });
    if (outcome.diverged) return outcome;
    (method == "head" ? w[2] : prompts) = rule.value(0);
    outcome.metrics["backward_passes"] = 300;
  }
  outcome.metrics["test_accuracy"] = accuracy();
  return outcome;
}

void bbtv2_experiment(Experiment& e) {
  e.tune_for("test_accuracy");
  e.arm("v2").run(tune_prompts, {{"method", "v2"}}).tune("size", {0.3, 1.0});
  e.arm("v1").run(tune_prompts, {{"method", "v1"}}).tune("size", {0.3, 1.0});
  e.arm("gradient").run(tune_prompts, {{"method", "gradient"}}).tune("size", {0.02, 0.1});
  e.arm("head").run(tune_prompts, {{"method", "head"}}).tune("size", {0.002, 0.01});
  e.arm("zero-shot").run(tune_prompts, {{"method", "none"}}).untuned("the network as it is");
  e.claim("prompts of all layers beat those of the first", better("v2", "v1", "test_accuracy"));
  e.claim("these beat none", better("v1", "zero-shot", "test_accuracy"));
  e.claim("within 5 points of prompts trained by gradients",
          not_worse("v2", "gradient", "test_accuracy", 0.05));
  e.claim("better than a head trained by gradients", better("v2", "head", "test_accuracy").reported_only());
}

}  // namespace

Paper bbtv2() {
  return {.slug = "bbtv2",
          .family = "adapters",
          .title = "BBTv2: Towards a Gradient-Free Future with Large Language Models",
          .authors = "Sun, He, Qian, et al.",
          .venue = "EMNLP",
          .year = 2022,
          .arxiv = "2205.11200",
          .idea =
              "Prompts at every layer of a frozen network, each a random projection of a short vector, are "
              "searched layer after layer "
              "by CMA-ES from losses alone. Claimed: as good as gradients from few examples.",
          .equations =
              "prompt_l = projection_l z_l,  projection_l ~ N(0, std_l^2),  std_l = "
              "alpha*std(h_l)/(sqrt(d)*sigma)\n"
              "for l = 0, ..., L-1: one generation of CMA-ES on z_l, the best prompts elsewhere",
          .files = {"apps/finetune/black_box_prompts.cpp", "optim/methods/cma_es.cpp",
                    "nn/adapters/deep_prompt.cpp"},
          .use = "BlackBoxPrompts of apps/finetune/black_box_prompts.h; CmaEs of optim/methods/cma_es.h",
          .functions = bbtv2_functions(),
          .experiment = bbtv2_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
