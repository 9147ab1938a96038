// Adaptive smoothing: an accurate and a robust classifier mixed in their probabilities.
// Paper: Bai, Anderson, Kim, Sojoudi, "Improving the Accuracy-Robustness Trade-Off of Classifiers via Adaptive Smoothing", 2023,
//        arXiv 2301.12554.
//   f = log((1-alpha) softmax(g) + alpha softmax(h))
// The claims: with a weight from 0.5 to 0.7 the mixture wins back half of the clean accuracy that the robust classifier lacks, and
// loses at most 3 points of its robust accuracy; logits mixed with weights and scales tuned alike do no better.
// Setting: Fashion-MNIST of 14x14 means, perceptrons of 128 hidden units; eps 8/255, the paper's, in every number; h trained against PGD
// of 5 steps; robust accuracy against PGD of 20 steps on the whole mixture. The scales of both logits are tuned beside the weight (the
// paper takes 0.5 to 2). Tuned for clean accuracy less five times what is lost beyond 2 points. Departures: fixed weights alone are
// compared; the network that sets weights by input is there as mixing_weight and composite_loss, but not trained here.
// Tried before: eps 0.1, 64 hidden units, 300 test images, three seeds. At scales of 1 the robust network is so unsure that few of its
// margins reach (1-alpha)/alpha, and the accurate one, attacked through the mixture, decides: 16 to 35 points of robust accuracy lost;
// with tuned scales 1.6 points lost [-0.2, 3.3], and the clean accuracy 3.9 points short of half of the gap [3.3, 4.5], not shown. The present
// eps and networks, 1,000 test images, five seeds, four weights by three by four scales, tuned on one seed: 1.6 points lost, the clean
// accuracy 0.1 points above half of the gap [-0.3, 0.5], within noise. Now a finer grid, two seeds of tuning, 2,000 images, ten seeds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/testtime/adaptive_smoothing_cases.h"
#include "apps/papers/testtime/unit_images.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "nn/dense_network.h"
#include "nn/testtime/mixed_classifier.h"
#include "nn/testtime/pgd.h"
#include "optim/problems/function_objective.h"
#include "optim/registry.h"

namespace gradus::paper_entries {
namespace {

constexpr double kAttackEps = 8 / 255.0;

// A perceptron of one hidden layer, trained on clean images or on attacked ones.
std::vector<Tensor> trained_classifier(const Trial& trial, const PooledImages& train, bool robust, Rng rng) {
  const int64 d = train.x.dim(1), hidden = 128, classes = 10, steps = trial.quick ? 10 : 3000;
  const auto matrix = [&](int64 rows, int64 columns) {
    return rng.normal_tensor({rows, columns}, 0,
                             static_cast<real>(1 / std::sqrt(static_cast<double>(columns))));
  };
  const Parameters w = {make_parameter("fc1.weight", ParamKind::kWeight, matrix(hidden, d)),
                        make_parameter("fc1.bias", ParamKind::kBias, Tensor::zeros({hidden})),
                        make_parameter("fc2.weight", ParamKind::kHead, matrix(classes, hidden)),
                        make_parameter("fc2.bias", ParamKind::kBias, Tensor::zeros({classes}))};
  const OptimizerPtr adam = make_optimizer("adam:lr=2e-3", w);
  const Activation relu_layers = activation("relu");
  for (int64 t = 0; t < steps; ++t) {
    Tensor x({64, d});
    IntTensor y(Shape{64});
    for (int64 i = 0; i < 64; ++i) {
      const int64 from = rng.below(train.x.dim(0));
      std::copy_n(train.x.data() + from * d, d, x.mutable_data() + i * d);
      y.mutable_data()[i] = train.labels[from];
    }
    if (robust) {
      std::vector<Tensor> now;
      for (const ParameterPtr& p : w) now.push_back(p->value.detach());
      PgdOptions o;
      o.eps = kAttackEps, o.step_size = 0.3 * kAttackEps, o.steps = 5;
      x = pgd_attack([&](const Tensor& at) { return cross_entropy(dense_network(now, relu_layers, at), y); },
                     x, rng.uniform_tensor(x.shape(), -1, 1), o)
              .x;
    }
    const Function loss = [&](std::span<const Tensor> v) {
      return cross_entropy(dense_network(v, relu_layers, x), y);
    };
    FunctionObjective objective(w, loss);
    adam->step(objective, t < steps * 3 / 4 ? 1 : 0.2);
    trial.checkpoint(static_cast<double>(t) / static_cast<double>(2 * steps));
  }
  std::vector<Tensor> values;
  for (const ParameterPtr& p : w) values.push_back(p->value.clone());
  return values;
}

double share_right(const Tensor& logits, const IntTensor& labels) {
  const IntTensor predicted = argmax(logits, 1);
  int64 right = 0;
  for (int64 i = 0; i < labels.numel(); ++i) right += predicted[i] == labels[i];
  return static_cast<double>(right) / static_cast<double>(labels.numel());
}

Outcome mix_classifiers(const Trial& trial) {
  const Data data = trial.data("fashion-mnist:limit=10000,test_limit=2000");
  const int64 window = std::max<int64>(data.info().example[1] / 14, 1);
  const PooledImages train = unit_images(*data.train, trial.quick ? 128 : 10000, window),
                     test = unit_images(*data.test, trial.quick ? 16 : 2000, window);
  const Rng seed = Rng(static_cast<std::uint64_t>(trial.seed));
  // All arms and trials of a seed mix the same two.
  const auto classifier = [&](const char* name, bool robust) {
    const std::string path =
        trial.base(fmt::format("{}{}-{}.safetensors", trial.quick ? "quick-" : "", name, trial.seed),
                   [&](const std::string& file) {
                     TensorFile weights;
                     for (const Tensor& w : trained_classifier(trial, train, robust, seed.fork(name)))
                       weights.tensors.emplace_back(fmt::format("w{}", weights.tensors.size()), w);
                     write_safetensors(file, weights);
                   });
    std::vector<Tensor> w;
    for (const auto& [key, value] : read_safetensors(path).tensors) w.push_back(value);
    return w;
  };
  const std::vector<Tensor> g = classifier("accurate", false), h = classifier("robust", true);
  const Activation relu_layers = activation("relu");
  const bool in_logits = trial.word("mix") == "logits";
  MixOptions scales;
  scales.std_scale = trial.number("std_scale"), scales.rob_scale = trial.number("rob_scale");
  const auto mixture = [&](const Tensor& x, double alpha) {
    const Tensor a = dense_network(g, relu_layers, x), b = dense_network(h, relu_layers, x);
    if (in_logits)
      return a * static_cast<real>((1 - alpha) * scales.std_scale) +
             b * static_cast<real>(alpha * scales.rob_scale);
    return mixed_logits(a, b, Tensor::full({x.dim(0)}, static_cast<real>(alpha)), scales);
  };
  PgdOptions o;
  o.eps = kAttackEps, o.step_size = 0.2 * kAttackEps, o.steps = trial.quick ? 3 : 20;
  const auto accuracies = [&](double alpha) {
    Rng rng = seed.fork("attack");
    const Attacked attacked =
        pgd_attack([&](const Tensor& x) { return cross_entropy(mixture(x, alpha), test.labels); }, test.x,
                   rng.uniform_tensor(test.x.shape(), -1, 1), o);
    const Recording off(false);
    return std::pair{share_right(mixture(test.x, alpha), test.labels),
                     share_right(mixture(attacked.x, alpha), test.labels)};
  };
  const auto [clean, robust] = accuracies(trial.number("alpha"));
  const auto [clean_g, robust_g] = accuracies(0);
  const auto [clean_h, robust_h] = accuracies(1);
  Outcome outcome;
  outcome.metrics = {{"clean_accuracy", clean},
                     {"robust_accuracy", robust},
                     {"accurate_clean_accuracy", clean_g},
                     {"accurate_robust_accuracy", robust_g},
                     {"robust_clean_accuracy", clean_h},
                     {"robust_robust_accuracy", robust_h},
                     {"mean_accuracy", (clean + robust) / 2}};
  outcome.metrics["clean_gain_over_half_the_gap"] = (clean - clean_h) - (clean_g - clean_h) / 2;
  outcome.metrics["robust_accuracy_lost"] = robust_h - robust;
  outcome.metrics["balance"] = clean - 5 * std::max(0.0, robust_h - robust - 0.02);
  // The share of attacked images that no attack on the accurate classifier alone could turn.
  {
    Rng rng = seed.fork("attack");
    const Attacked attacked = pgd_attack(
        [&](const Tensor& x) { return cross_entropy(dense_network(h, relu_layers, x), test.labels); }, test.x,
        rng.uniform_tensor(test.x.shape(), -1, 1), o);
    const Recording off(false);
    const Tensor p = softmax(dense_network(h, relu_layers, attacked.x) * static_cast<real>(scales.rob_scale));
    const CertifiedMargin c =
        certified_margin(p, test.labels, Tensor::full({p.dim(0)}, static_cast<real>(trial.number("alpha"))));
    int64 count = 0;
    for (int64 i = 0; i < p.dim(0); ++i) count += c.certified[i] != 0;
    outcome.metrics["certified_share"] = static_cast<double>(count) / static_cast<double>(p.dim(0));
  }
  return outcome;
}

void adaptive_smoothing_experiment(Experiment& e) {
  e.tune_for("balance");
  e.seeds(10, 2);
  for (const char* mix : {"probabilities", "logits"})
    e.arm(mix)
        .run(mix_classifiers, {{"mix", mix}})
        .tune("alpha", {0.5, 0.55, 0.6, 0.65, 0.7})
        .tune("std_scale", {0.25, 0.5, 1})
        .tune("rob_scale", {1.5, 2, 3, 4, 6});
  e.claim("half of the clean accuracy that the robust classifier lacks is won back",
          at_least("probabilities", "clean_gain_over_half_the_gap", 0));
  e.claim("at most 3 points of its robust accuracy are lost",
          at_most("probabilities", "robust_accuracy_lost", 0.03));
  e.claim("logits mixed with weights and scales tuned alike do no better",
          not_worse("probabilities", "logits", "balance", 0.01));
}

}  // namespace

Paper adaptive_smoothing() {
  return {.slug = "adaptive-smoothing",
          .family = "testtime",
          .title = "Improving the Accuracy-Robustness Trade-Off of Classifiers via Adaptive Smoothing",
          .authors = "Bai, Anderson, Kim, et al.",
          .venue = "arXiv",
          .year = 2023,
          .arxiv = "2301.12554",
          .idea =
              "The probabilities of an accurate and a robust classifier are mixed; the robust one is surer "
              "where it is "
              "right. "
              "Claimed: much of the clean accuracy for little robustness; a small network sets the weight by "
              "input.",
          .equations =
              "f = log((1-alpha) softmax(c_g g(x)) + alpha softmax(c_h h(x)))\n"
              "alpha >= 1/2 and h_y - h_k >= (1-alpha)/alpha on a ball: f predicts y there\n"
              "loss = mean weight*(bce*b + ce*c + prod*b*c)",
          .files = {"nn/testtime/mixed_classifier.cpp", "nn/testtime/pgd.cpp"},
          .use = "mixed_logits of nn/testtime/mixed_classifier.h, pgd_attack of nn/testtime/pgd.h",
          .functions = adaptive_smoothing_functions(),
          .experiment = adaptive_smoothing_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
