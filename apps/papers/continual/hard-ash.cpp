// Hard ASH.
// Paper: Keskinen, "Hard ASH: Sparsity and the right optimizer make a continual learner", 2024, arXiv 2404.17651.
//   hard_ash(x) = clip(x, 0, 2)*hs(alpha*(x - mu - z_k*sd)), mu and sd over the units of one sample;  weights of the first layer are rows
//   of mean 0 and norm 1;  every change of a weight is clipped
// The claims at our scale: with AdaGrad hard_ash ends more accurate than ash and topk with theirs, and at
// least 15 points above ReLU; with plain SGD it is clearly worse than with AdaGrad.
//   MNIST, 20,000 images, five tasks of two digits in order, one pass in batches of 32, all classes compete, 784-400-10 without biases
// Tried before: 12,000 images, three seeds: 6.6 points above topk [-0.1, 13.2], whose best step size was the largest of its grid.
// Departures: a third of the images and 0.4 of the units; 15 points for the paper's 25, which are measured on all images.
#include "apps/continual/sparse_learner.h"
#include "apps/papers/continual/hard-ash_cases.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/entries.h"

namespace gradus::paper_entries {
namespace {

Outcome hard_ash_stream(const Trial& trial) {
  const TaskSequence tasks = load_tasks(trial, "mnist", {.shuffle_classes = false}, 20000, 4000);
  SparseLearnerOptions o;
  o.activation.kind = trial.word("activation");
  o.activation.top_k = 26;  // 64 of 1000
  o.update.optimizer = trial.word("rule");
  o.update.lr = trial.number("lr");
  SparseLearner learner(
      o, {.inputs = tasks.features, .hidden = trial.quick ? 50 : 400, .classes = tasks.classes});
  StreamTraining training(learner, tasks, stream_options(trial, 32, 1), trial_rng(trial, "hard-ash"));
  Outcome outcome;
  if (!learn_stream(trial, training, tasks, outcome)) return outcome;
  note_matrix(training.matrix(), "", outcome);
  outcome.metrics["active_fraction"] = learner.active_fraction();
  return outcome;
}

void hard_ash_experiment(Experiment& e) {
  const auto arm = [&](const std::string& activation, const std::string& rule,
                       const std::vector<double>& lr) {
    e.arm(activation + "-" + rule)
        .run(hard_ash_stream, {{"activation", activation}, {"rule", rule}})
        .tune("lr", lr);
  };
  arm("hard_ash", "adagrad", {1e-4, 2e-4, 4e-4, 8e-4});
  arm("hard_ash", "rmsprop", {3e-6, 5e-6, 1e-5, 2e-5});
  arm("hard_ash", "sgd", {3e-4, 1e-3, 3e-3, 1e-2});
  arm("ash", "adagrad", {1e-4, 2e-4, 4e-4, 8e-4});
  arm("topk_subtract", "adagrad", {1e-4, 3e-4, 1e-3, 3e-3});
  arm("relu", "adagrad", {3e-5, 1e-4, 3e-4, 1e-3});
  e.tune_for("average_accuracy");
  e.seeds(6);
  e.claim("above ash", better("hard_ash-adagrad", "ash-adagrad", "average_accuracy"));
  e.claim("above topk", better("hard_ash-adagrad", "topk_subtract-adagrad", "average_accuracy"));
  e.claim("15 points above ReLU", better("hard_ash-adagrad", "relu-adagrad", "average_accuracy", 0.15));
  e.claim("five points above itself with SGD",
          better("hard_ash-adagrad", "hard_ash-sgd", "average_accuracy", 0.05));
  e.claim("AdaGrad and RMSProp differ by less than five points",
          equal("hard_ash-adagrad", "hard_ash-rmsprop", "average_accuracy", 0.05).reported_only());
}

}  // namespace

Paper hard_ash() {
  return {.slug = "hard-ash",
          .family = "continual",
          .title = "Hard ASH: Sparsity and the right optimizer make a continual learner",
          .authors = "Keskinen",
          .venue = "arXiv",
          .year = 2024,
          .arxiv = "2404.17651",
          .idea =
              "An activation whose threshold follows the mean and deviation of each sample's own units "
              "leaves few of them on; with an "
              "adaptive rule that spares what is rarely active, classes come in turn without replay. "
              "Claimed: best of the sparse "
              "activations, far above ReLU.",
          .equations =
              "hard_ash(x) = clip(x, 0, 2)*hs(alpha*(x - mu - z_k*sd)),  hs(u) = min(max(u + 3, 0), 6)/6\n"
              "p += clip(-lr*u, -clip, clip),  adagrad: u = g/sqrt(sum of g^2 + 1e-7)",
          .files = {"nn/layers/sparse_activation.cpp", "optim/methods/clipped_update.cpp",
                    "apps/continual/sparse_perceptron.cpp", "apps/continual/sparse_learner.cpp"},
          .use = "gradus continual --method hard-ash --hidden 400 --epochs 1",
          .functions = hard_ash_functions(),
          .experiment = hard_ash_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
