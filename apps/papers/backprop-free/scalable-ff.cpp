// Scalable forward-forward.
// Paper: Krutsylo, "Scalable Forward-Forward Algorithm", 2025, arXiv 2501.03176.
//   a = aux(z),  G[n,c] = mean over (H,W) of a[n,c]^2,  loss = -log softmax(G)_y a block,  h = layernorm(z) goes on, detached
// The claims at our scale: a small residual network trained block by block comes within two points of backpropagation, on a fifth of
// the images within one; blocks (hybrid) beat single layers; and the memory of a training pass does not grow with depth.
// Beside it, reported: the looser reading in which every block has a classifier of its own (nn/local/classifier_head.h).
// Tried before: three seeds: block by block 4.6 points below backpropagation [-1.4, 11]; on 300 images 1.0 above [-6.1,
// 8.1].
// Departures: Fashion-MNIST in place of CIFAR-10 and Imagenette; 1,500 images, three stages of 8, 16, 32 channels with group norm; the loss on
// the goodness is a reconstruction (nn/local/goodness.h).
#include "apps/backprop_free/forward_forward_training.h"
#include "apps/papers/backprop-free/image_task.h"
#include "apps/papers/backprop-free/scalable-ff_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "autograd/grad.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/allocator.h"
#include "core/error.h"
#include "nn/layers/container.h"
#include "nn/layers/conv.h"
#include "nn/layers/linear.h"
#include "nn/layers/pool.h"
#include "nn/local/classifier_head.h"
#include "nn/models/resnet.h"
#include "optim/registry.h"

namespace gradus::paper_entries {
namespace {

class ReluConv : public Conv2d {
 public:
  using Conv2d::Conv2d;
  Tensor forward(const Input& x) override { return Conv2d::relu(x.values()); }
};

// A stem that halves the image and three residual blocks, the last two of which do so again. layerwise: the same convolutions one by one.
std::vector<std::unique_ptr<Module>> body(int64 channels, bool layerwise, std::vector<int64>& widths) {
  std::vector<std::unique_ptr<Module>> parts;
  const auto push = [&](std::unique_ptr<Module> part, int64 width) {
    parts.push_back(std::move(part));
    widths.push_back(width);
  };
  push(std::make_unique<ReluConv>(channels, 8, 3, ConvOptions{.stride = 2, .pad = 1}), 8);
  int64 in = 8;
  for (const int64 out : {8, 16, 32}) {
    const int64 stride = out == in ? 1 : 2;
    if (layerwise) {
      push(std::make_unique<ReluConv>(in, out, 3, ConvOptions{.stride = stride, .pad = 1}), out);
      push(std::make_unique<ReluConv>(out, out, 3, ConvOptions{.pad = 1}), out);
    } else {
      push(std::make_unique<BasicBlock>(in, out, stride, "gn"), out);
    }
    in = out;
  }
  return parts;
}

// The body with a mean and a linear layer behind it, trained end to end.
class EndToEnd : public Sequential {
 public:
  EndToEnd(int64 channels, int64 classes) {
    std::vector<int64> widths;
    for (std::unique_ptr<Module>& part : body(channels, false, widths)) push(std::move(part));
    push<GlobalAvgPool>();
    push<Linear>(widths.back(), classes);
  }
};

// Accuracy after `epochs` on the first `limit` images.
std::optional<double> train_blocks(const Trial& trial, int64 limit, int64 epochs, Outcome& outcome) {
  const std::string method = trial.word("method"), optim = "adam:lr=" + trial.word("lr");
  const ImageTask task(trial, "fashion-mnist", limit, 64, 2000);
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("blocks");
  const int64 steps = epochs * task.steps_per_epoch();
  if (method == "backprop") {
    EndToEnd net(task.channels(), task.classes());
    net.initialise(rng);
    const Parameters parameters = net.parameters();
    const OptimizerPtr adam = make_optimizer(optim, parameters);
    std::vector<Tensor> values;
    for (const ParameterPtr& p : parameters) values.push_back(p->value);
    const bool whole = run_steps(trial, steps, outcome, [&](int64 t) {
      const Batch batch = task.batch(t);
      const Recording on(true);
      const Tensor loss = cross_entropy(net(batch.x), batch.y);
      const std::vector<Tensor> grads = grad(loss, values);
      for (size_t i = 0; i < grads.size(); ++i) parameters[i]->grad = grads[i];
      GivenGradients given(parameters, static_cast<double>(loss.item()));
      adam->step(given, 1);
    });
    if (!whole) return {};
    return task.test_accuracy([&](const Tensor& x) { return net(x); });
  }
  const bool classifiers = method == "classifiers";
  ForwardForwardNet net({.normalize = !classifiers});
  std::vector<int64> widths;
  std::vector<std::unique_ptr<Module>> parts = body(task.channels(), method == "layerwise", widths);
  for (size_t k = 0; k < parts.size(); ++k)
    if (classifiers)
      net.add_block(std::move(parts[k]), std::make_unique<ClassifierHead>(widths[k], task.classes()), 1,
                    LocalHead::kClassifier);
    else
      net.add_block(std::move(parts[k]), make_local_layer({task.classes(), widths[k], 1, 1}, false));
  net.initialise(rng);
  ForwardForwardTraining training(net, {}, optim);
  if (!run_steps(trial, steps, outcome, [&](int64 t) {
        const Batch batch = task.batch(t);
        training.train_batch(batch.x, batch.y);
      }))
    return {};
  return task.test_accuracy([&](const Tensor& x) { return net(x); });
}

// Peak memory of a pass over `depth` equal convolutions, relative to that of two: NAME_memory by depth.
void note_memory(const Trial& trial, Outcome& outcome) {
  const bool local = trial.word("method") != "backprop";
  Rng rng(1);
  const Tensor x = rng.normal_tensor({16, 8, 16, 16});
  const IntTensor y = IntTensor::full({16}, 1);
  const auto peak = [&](int64 depth) {
    ForwardForwardNet net;
    for (int64 k = 0; k < depth; ++k)
      net.add_block(make_local_layer({8, 8, 3, 3}, true), make_local_layer({10, 8, 1, 1}, false));
    net.initialise(Rng(2));
    const auto pass = [&] {
      if (local) {
        net.train_pass(x, y, {}, [](size_t, double) {});
        return;
      }
      const Recording on(true);
      std::vector<Tensor> values;
      Tensor h = x;
      for (ForwardForwardBlock* block : net.blocks()) h = (*block)(h);
      for (const ParameterPtr& p : net.parameters()) values.push_back(p->value);
      grad(goodness_loss(net.blocks().back()->goodness_of(h), y), values, {.allow_unused = true});
    };
    pass();
    const std::size_t before = allocator_stats().bytes_in_use;
    reset_peak_memory();
    pass();
    return static_cast<double>(allocator_stats().peak_bytes_in_use - before);
  };
  const double two = peak(2);
  Curve& curve = outcome.curves["memory"];
  curve.x_label = "blocks";
  for (const int64 depth : {2, 4, 8, 16}) {
    curve.x.push_back(static_cast<double>(depth));
    curve.y.push_back(peak(depth) / two);
  }
  outcome.metrics["memory_of_16_blocks"] = curve.y.back();
}

Outcome train_forward_forward(const Trial& trial) {
  Outcome outcome;
  const std::optional<double> all = train_blocks(trial, 1500, trial.tuning ? 2 : 5, outcome);
  if (!all) return outcome;
  outcome.metrics["test_accuracy"] = *all;
  if (trial.tuning) return outcome;
  if (const std::optional<double> few = train_blocks(trial, 300, 10, outcome))
    outcome.metrics["few_images_accuracy"] = *few;
  note_memory(trial, outcome);
  return outcome;
}

void scalable_ff_experiment(Experiment& e) {
  for (const char* name : {"hybrid", "layerwise", "backprop", "classifiers"})
    e.arm(name).run(train_forward_forward, {{"method", name}}).tune("lr", {1e-3, 3e-3, 1e-2});
  e.tune_for("test_accuracy");
  e.seeds(8);
  e.claim("block by block within two points of backpropagation",
          not_worse("hybrid", "backprop", "test_accuracy", 0.02));
  e.claim("on 300 images within one point", not_worse("hybrid", "backprop", "few_images_accuracy", 0.01));
  e.claim("residual blocks beat single layers", better("hybrid", "layerwise", "test_accuracy"));
  e.claim("goodness beats classifiers of the blocks' own",
          better("hybrid", "classifiers", "test_accuracy").reported_only());
  e.claim("a pass over 16 blocks takes no more memory than one over two",
          at_most("hybrid", "memory_of_16_blocks", 1.01));
}

}  // namespace

Paper scalable_ff() {
  return {.slug = "scalable-ff",
          .family = "backprop-free",
          .title = "Scalable Forward-Forward Algorithm",
          .authors = "Krutsylo",
          .venue = "arXiv",
          .year = 2025,
          .arxiv = "2501.03176",
          .idea =
              "Every block is trained by its own goodness, read off an auxiliary convolution with a channel "
              "a class: one pass, any architecture, "
              "no gradient between blocks. Claimed: comparable to backpropagation, better on small data.",
          .equations =
              "a = aux(z),  G[n,c] = mean over (H,W) of a[n,c]^2\n"
              "ce: -log softmax(scale*G)_y;  ff: softplus(-(G_y - tau)) + mean over c != y of softplus(G_c - "
              "tau)\n"
              "h = layernorm(z) goes on, detached;  scores = mean over blocks of softmax(G)",
          .files = {"nn/local/goodness.cpp", "nn/local/forward_forward.cpp",
                    "apps/backprop_free/forward_forward_training.cpp"},
          .use = "ForwardForwardTraining of apps/backprop_free/forward_forward_training.h",
          .functions = scalable_ff_functions(),
          .experiment = scalable_ff_experiment,
          .minutes = 5};
}

}  // namespace gradus::paper_entries
