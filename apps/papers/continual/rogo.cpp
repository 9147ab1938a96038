// ROGO.
// Paper: Yang, Yang, Liu, Li, Liu, "Restricted Orthogonal Gradient Projection for Continual Learning", AI Open 4 (2023),
//        arXiv 2301.12131.
//   W_eff = W - W S S' + W S Q S';  dW <- dW - dW M M';  S: directions of the memory M that the new task's gradients point along
// The claims at our scale: where tasks share features (digits two by two, a head for all with the task known) new tasks are learned
// better than by GPM, and the mean at the end is higher; on that stream and on permuted digits backward transfer stays within a point
// of GPM's, and on permuted digits far above plain SGD's.
//   MNIST, 3,000 images of the split stream and 1,200 of the permuted one, 784-64-64-10 without biases, 6 and 3 epochs of batches of
//   10, five tasks; memories look at 200 rows, threshold 0.98
// Tried before: 3 epochs, threshold 0.95, step sizes up to 0.03, which was the best, three seeds: new tasks 1.2 points worse than by GPM
// [-2.5, 0.1], the mean 1.2 worse [-1.5, -0.9].
// Departures: fewer images and units; one threshold for all layers. EWC is left out.
#include "apps/continual/projected_learner.h"
#include "apps/papers/continual/rogo_cases.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/entries.h"

namespace gradus::paper_entries {
namespace {

bool rogo_stream(const Trial& trial, const std::string& kind, int64 images, int64 epochs, Outcome& outcome) {
  const TaskSequence tasks = load_tasks(
      trial, "mnist", {.kind = kind, .scenario = kind == "split" ? "task" : "domain"}, images, 1500);
  ProjectedLearnerOptions o;
  o.method = trial.word("method");
  o.lr = trial.number("lr");
  o.lr_factor = trial.number("lr_factor");
  o.threshold = 0.98;
  o.samples = trial.quick ? 20 : 200;
  ProjectedLearner learner(o, {.inputs = tasks.features, .hidden = 64, .classes = tasks.classes});
  StreamTrainingOptions options = stream_options(trial, 10, trial.quick ? 1 : epochs);
  options.steps = 0;  // searches come behind whole epochs
  StreamTraining training(learner, tasks, options, trial_rng(trial, "rogo"));
  double relaxed = 0;
  training.behind_task = [&](int64) {
    for (const int64 s : learner.tasks().space_sizes()) relaxed += static_cast<double>(s);
  };
  if (!learn_stream(trial, training, tasks, outcome)) return false;
  note_matrix(training.matrix(), kind + "_", outcome);
  outcome.metrics[kind + "_relaxed_columns"] = relaxed;
  return true;
}

Outcome rogo_streams(const Trial& trial) {
  Outcome outcome;
  if (!rogo_stream(trial, "split", 3000, 6, outcome) || !rogo_stream(trial, "permuted", 1200, 3, outcome))
    return outcome;
  outcome.metrics["score"] =
      (outcome.metrics["split_average_accuracy"] + outcome.metrics["permuted_average_accuracy"]) / 2;
  return outcome;
}

void rogo_experiment(Experiment& e) {
  const auto arm = [&](const char* name, const char* method, const char* factor) {
    e.arm(name).run(rogo_streams, {{"method", method}, {"lr_factor", factor}}).tune("lr", {0.01, 0.03, 0.1});
  };
  arm("rogo", "rogo", "2");
  arm("rogo-full-rate", "rogo", "1");
  arm("gpm", "gpm", "1");
  arm("sgd", "sgd", "1");
  e.tune_for("score");
  e.seeds(5);
  e.claim("new tasks of a split stream are learned better than by GPM",
          better("rogo", "gpm", "split_new_task_accuracy"));
  e.claim("and the mean at the end is higher", better("rogo", "gpm", "split_average_accuracy"));
  for (const char* kind : {"split", "permuted"})
    e.claim(std::string("backward transfer within a point of GPM's, ") + kind,
            not_worse("rogo", "gpm", std::string(kind) + "_backward_transfer", 0.01));
  e.claim("backward transfer on permuted digits above SGD's",
          better("rogo", "sgd", "permuted_backward_transfer", 0.02));
  e.claim("without smaller steps behind a search new tasks are learned as well as by GPM",
          not_worse("rogo-full-rate", "gpm", "split_new_task_accuracy", 0.01).reported_only());
}

}  // namespace

Paper rogo() {
  return {.slug = "rogo",
          .family = "continual",
          .title = "Restricted Orthogonal Gradient Projection for Continual Learning",
          .authors = "Yang, Yang, Liu, et al.",
          .venue = "AI Open",
          .year = 2023,
          .arxiv = "2301.12131",
          .idea =
              "Gradient projection forbids updates inside of what earlier tasks read; here the directions of "
              "it that the new task "
              "asks for may be rescaled by a small regularised matrix, folded in afterwards. Claimed: more "
              "transfer to "
              "new tasks, as little forgetting.",
          .equations =
              "W_eff = W - W S S' + W S Q S'\ndW = dW - dW M M'\n"
              "search: u = F x, x top eigenvector of F' U U' F;  ||U' u|| >= score_threshold: u moves from F "
              "to S",
          .files = {"optim/methods/gradient_memory.cpp", "nn/continual/scaled_weight.cpp",
                    "apps/continual/projected_tasks.cpp", "apps/continual/projected_learner.cpp"},
          .use = "gradus continual --method rogo --tasks split:scenario=task",
          .functions = rogo_functions(),
          .experiment = rogo_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
