// A running mean of weights for a stream of tasks, its weight set anew at each step.
// Paper: Qiao, Zhang, Tan, Qu, Ding, Xie, "Large Continual Instruction Assistant", ICML 2025, arXiv 2410.10868.
//   behind each step, a tensor at a time:  w = factor*(1 + ||g||_1)/(||theta - star||_1*||g - g_prev||_1), outside (0,1): base_weight
//   star = (1 - w)*star + w*theta;  at the end of a task theta = star
//   tasks whose instructions are alike (TF-IDF) share a set of weights, others open a new one
// The claim at our scale: the dynamic mean forgets less than sequential training, by 30 % or more, and ends with a higher mean
// accuracy than a fixed mean, tuned alike; with sets chosen by instruction it is higher still.
// The stream: MNIST rotated, negated, with its blocks permuted, Fashion-MNIST, Fashion-MNIST rotated, 1500 images a task, two epochs.
// Tried besides: 2000 images, four epochs, base_weight 0.01 or 0.03: the dynamic mean forgot 1.13 of what sequential training did
// [1.11, 1.15], its mean accuracy was 2.2 points below a fixed mean's [-0.3, 4.7]; sets by instruction were 11.7 points above it.
// Departures: a perceptron of 128 units that was pre-trained on upright MNIST, with a change of rank 8 of its first layer and the
// whole last layer trained, in place of a vision transformer; base_weight is 0.01 for the dynamic mean.
#include <algorithm>
#include <cmath>

#include "apps/papers/backprop-free/image_task.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/language/continual-ema_cases.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/shape_ops.h"
#include "core/safetensors.h"
#include "data/tasks/instruction_sets.h"
#include "optim/methods/dynamic_ema.h"
#include "optim/registry.h"

namespace gradus::paper_entries {
namespace {

struct StreamTask {
  const char *instruction, *data, *change;
};
constexpr StreamTask kStream[] = {{"name the rotated digit", "mnist", "rotate"},
                                  {"name the negated digit", "mnist", "negate"},
                                  {"name the permuted digit", "mnist", "permute"},
                                  {"say which clothing item", "fashion-mnist", "none"},
                                  {"say which rotated clothing item", "fashion-mnist", "rotate"}};

// Images (N,C,H,W) of a task as rows.
Tensor stream_rows(const Tensor& x, const std::string& change) {
  Tensor y = x;
  if (change == "rotate") y = flip(transpose(x, 2, 3), 3);
  if (change == "negate") y = -x;
  if (change == "permute") y = roll(roll(x, 2, x.dim(2) / 2), 3, x.dim(3) / 4);  // blocks change places
  return rows_of_images(y).detach();
}

// relu(x (W1 + 2*B*A)' + b1) W2' + b2.
struct LowRankNet {
  Tensor w1, b1;          // frozen
  Parameters parameters;  // A, B, W2, b2

  Tensor logits(const Tensor& x) const {
    const auto value = [&](size_t i) { return parameters[i]->value; };
    return linear(linear_relu(x, w1 + matmul(value(1), value(0)) * real(2), b1), value(2), value(3));
  }
};

// The pre-trained perceptron as a file of w1, b1, w2, b2.
void pretrain_perceptron(const Trial& trial, const std::string& path) {
  constexpr int64 kUnits = 128;
  const ImageTask task(trial, "mnist", 5000, 50, 100);
  Rng rng = Rng(5).fork("perceptron");
  const auto draw = [&](int64 out, int64 in) {
    return rng.normal_tensor({out, in}, 0, static_cast<real>(std::sqrt(2.0 / static_cast<double>(in))));
  };
  const Parameters p{make_parameter("w1", ParamKind::kWeight, draw(kUnits, task.features())),
                     make_parameter("b1", ParamKind::kBias, Tensor::zeros({kUnits})),
                     make_parameter("w2", ParamKind::kWeight, draw(10, kUnits)),
                     make_parameter("b2", ParamKind::kBias, Tensor::zeros({10}))};
  const OptimizerPtr adam = make_optimizer("adam:lr=1e-3", p);
  const Recording on(true);
  for (int64 t = 0; t < (trial.quick ? 3 : 3 * task.steps_per_epoch()); ++t) {
    const Batch batch = task.batch(t);
    const Tensor loss = cross_entropy(
        linear(linear_relu(rows_of_images(batch.x), p[0]->value, p[1]->value), p[2]->value, p[3]->value),
        batch.y);
    const std::vector<Tensor> grads = grad(loss, {p[0]->value, p[1]->value, p[2]->value, p[3]->value});
    for (size_t i = 0; i < p.size(); ++i) p[i]->grad = grads[i];
    adam->step();
  }
  TensorFile file;
  for (const ParameterPtr& q : p) file.tensors.emplace_back(q->name, q->value.detach());
  write_safetensors(path, file);
}

LowRankNet fresh_net(const TensorFile& base, const std::string& path, Rng rng) {
  constexpr int64 kRank = 8;
  const Tensor w1 = base.get("w1", path), w2 = base.get("w2", path);
  return {
      w1,
      base.get("b1", path),
      {make_parameter("A", ParamKind::kWeight,
                      rng.normal_tensor({kRank, w1.dim(1)}, 0,
                                        static_cast<real>(1 / std::sqrt(static_cast<double>(w1.dim(1)))))),
       make_parameter("B", ParamKind::kWeight, Tensor::zeros({w1.dim(0), kRank})),
       make_parameter("w2", ParamKind::kHead, w2.clone()),
       make_parameter("b2", ParamKind::kBias, base.get("b2", path).clone())}};
}

// Mean accuracy at the end, and how much each task lost since it was learned.
Outcome run_stream(const Trial& trial) {
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("stream");
  const std::string averaging = trial.word("averaging");  // none, fixed, dynamic
  const bool by_instruction = trial.word("sets") == "instruction";
  const std::string path = trial.base(
      std::string(trial.quick ? "quick-" : "") + (trial.tuning ? "tuning-" : "") + "perceptron.safetensors",
      [&](const std::string& to) { pretrain_perceptron(trial, to); });
  const TensorFile base = read_safetensors(path);
  std::vector<LowRankNet> sets;
  InstructionSets codebook(by_instruction ? 0.3 : 0);
  std::vector<std::unique_ptr<ImageTask>> tasks;
  std::vector<double> learned;
  double steps = 0, fallbacks = 0;
  Outcome outcome;
  const auto accuracy = [&](size_t k) {
    const LowRankNet& net = sets[static_cast<size_t>(codebook.find({kStream[k].instruction}))];
    return tasks[k]->test_accuracy(
        [&](const Tensor& x) { return net.logits(stream_rows(x, kStream[k].change)); });
  };
  for (size_t k = 0; k < std::size(kStream); ++k) {
    const StreamTask& task = kStream[k];
    tasks.push_back(std::make_unique<ImageTask>(trial, task.data, 1500, 25, 1000));
    const auto set = static_cast<size_t>(codebook.add_task({task.instruction}).set);
    if (set == sets.size()) sets.push_back(fresh_net(base, path, rng.fork("set").fork(set)));
    LowRankNet& net = sets[set];
    const OptimizerPtr adam = make_optimizer("adam:lr=" + trial.word("lr"), net.parameters);
    // A fixed mean is a dynamic one whose weight is never valid.
    const DynamicEmaOptions ema{.factor = averaging == "dynamic" ? trial.number("factor") : 1e30,
                                .base_weight = averaging == "fixed" ? trial.number("weight") : 0.01};
    std::vector<DynamicEma> means(net.parameters.size(), DynamicEma(ema));
    const bool whole = run_steps(trial, 2 * tasks[k]->steps_per_epoch(), outcome, [&](int64 t) {
      const Recording on(true);
      const Batch batch = tasks[k]->batch(t);
      std::vector<Tensor> values;
      for (const ParameterPtr& p : net.parameters) values.push_back(p->value);
      const Tensor loss = cross_entropy(net.logits(stream_rows(batch.x, task.change)), batch.y);
      const std::vector<Tensor> grads = grad(loss, values);
      for (size_t i = 0; i < grads.size(); ++i) net.parameters[i]->grad = grads[i];
      adam->step();
      if (averaging == "none") return;
      for (size_t i = 0; i < grads.size(); ++i) {
        means[i].update(net.parameters[i]->value, grads[i]);
        fallbacks += means[i].fell_back();
        ++steps;
      }
    });
    if (!whole) return outcome;
    if (averaging != "none")
      for (size_t i = 0; i < means.size(); ++i) net.parameters[i]->value.copy_from(means[i].average());
    learned.push_back(accuracy(k));
  }
  double final = 0, forgotten = 0;
  for (size_t k = 0; k < learned.size(); ++k) {
    const double now = accuracy(k);
    final += now / static_cast<double>(learned.size());
    if (k + 1 < learned.size()) forgotten += (learned[k] - now) / static_cast<double>(learned.size() - 1);
    outcome.curves["learned_accuracy"].y.push_back(learned[k]);
    outcome.curves["learned_accuracy"].x.push_back(static_cast<double>(k + 1));
    outcome.curves["final_accuracy"].y.push_back(now);
    outcome.curves["final_accuracy"].x.push_back(static_cast<double>(k + 1));
  }
  outcome.curves["learned_accuracy"].x_label = outcome.curves["final_accuracy"].x_label = "task";
  outcome.metrics["average_accuracy"] = final;
  outcome.metrics["forgetting_error"] = forgotten;
  if (steps > 0) outcome.metrics["fallback_share"] = fallbacks / steps;
  return outcome;
}

void stream_experiment(Experiment& e) {
  const std::vector<double> lr{1e-3, 3e-3};
  e.arm("dynamic")
      .run(run_stream, {{"averaging", "dynamic"}, {"sets", "one"}})
      .tune("lr", lr)
      .tune("factor", {0.1, 1, 10});
  e.arm("dynamic-sets")
      .run(run_stream, {{"averaging", "dynamic"}, {"sets", "instruction"}})
      .tune("lr", lr)
      .tune("factor", {0.1, 1, 10});
  e.arm("fixed")
      .run(run_stream, {{"averaging", "fixed"}, {"sets", "one"}})
      .tune("lr", lr)
      .tune("weight", {0.001, 0.003, 0.01});
  e.arm("sequential")
      .run(run_stream, {{"averaging", "none"}, {"sets", "one"}})
      .tune("lr", {1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3});
  e.tune_for("average_accuracy");
  e.seeds(5);
  e.claim("the dynamic mean forgets less than 0.7 of what sequential training does",
          ratio_at_most("dynamic", "sequential", "forgetting_error", 0.7));
  e.claim("its mean accuracy at the end is above that of a fixed mean",
          better("dynamic", "fixed", "average_accuracy"));
  e.claim("with sets chosen by instruction it is higher still",
          better("dynamic-sets", "dynamic", "average_accuracy"));
}

}  // namespace

Paper continual_ema() {
  return {
      .slug = "continual-ema",
      .family = "language",
      .title = "Large Continual Instruction Assistant",
      .authors = "Qiao, Zhang, Tan, et al.",
      .venue = "ICML",
      .year = 2025,
      .arxiv = "2410.10868",
      .idea =
          "Tuned on one task after the other, a running mean of the adapters forgets less; its weight "
          "follows "
          "from gradient, change of gradient and distance at each step. Tasks with similar instructions "
          "share "
          "adapters. Claimed: less forgetting than fixed means and sequential tuning.",
      .equations =
          "w = factor*(1 + ||g||_1)/(||theta - star||_1*||g - g_prev||_1), outside (0,1): base_weight\n"
          "star = (1 - w)*star + w*theta",
      .files = {"optim/methods/dynamic_ema.cpp", "data/tasks/instruction_sets.cpp"},
      .use = "DynamicEma of optim/methods/dynamic_ema.h, InstructionSets of data/tasks/instruction_sets.h",
      .functions = continual_ema_functions(),
      .experiment = stream_experiment,
      .minutes = 2};
}

}  // namespace gradus::paper_entries
