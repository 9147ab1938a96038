// TAG.
// Paper: Malviya, Ravindran, Chandar, "TAG: Task-based Accumulated Gradients for Lifelong learning", CoLLAs 2022, arXiv 2105.05155.
//   m_t = beta1*m_t + (1-beta1)*g,  v_t = beta2*v_t + (1-beta2)*g^2;  V = sum over tau of alpha_tau*v_tau,
//   alpha_tau = exp(-b*<unit(m_t), unit_tau>),  alpha_t = exp(-b);  p -= lr*g/(sqrt(V) + eps)
// The claims at our scale: TAG in its three forms ends with a higher mean accuracy than the rule it extends and at most half its
// forgetting.
//   digits two by two, then clothing two by two: ten tasks, one epoch each in batches of 10, 1,500 images of each set; a head for all
//   classes, those of other tasks masked; 784-64-20
// Departures: 150 images a class; EWC and replay are left out.
#include "apps/continual/plain_learner.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/continual/tag_cases.h"
#include "apps/papers/entries.h"
#include "autograd/grad.h"
#include "autograd/ops/matmul.h"
#include "nn/continual/task_mask.h"
#include "optim/methods/task_gradients.h"

namespace gradus::paper_entries {
namespace {

Outcome tag_stream(const Trial& trial) {
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("tag");
  const TaskSequence tasks =
      chained(load_tasks(trial, "mnist", {}, 1500, 1000), load_tasks(trial, "fashion-mnist", {}, 1500, 1000));
  const LinearHeadNetwork start = fresh_perceptron(tasks.features, 64, tasks.classes, 2, rng.fork("start"));
  TagOptions o;
  o.optimizer = trial.word("rule");
  o.lr = trial.number("lr");
  const bool plain = trial.word("method") == "plain";
  TaskGradients tag(start.extractor, o);
  // A plain rule is TAG's of a first task that never ends; Adam's corrections go on.
  AccuracyMatrix matrix;
  Outcome outcome;
  try {
    for (int64 t = 0; t < std::ssize(tasks.train); ++t) {
      trial.checkpoint(static_cast<double>(t) / static_cast<double>(tasks.train.size()));
      if (t > 0 && !plain) tag.begin_task();
      const LabelledRows& rows = tasks.train[static_cast<size_t>(t)];
      const Recording on(true);
      for (int64 s = 0; s < steps_of(trial, rows, 10, 1); ++s) {
        const LabelledRows b = batch_at(rows, 10, s, rng.fork("order").fork(static_cast<std::uint64_t>(t)));
        std::vector<Tensor> p;
        for (const Tensor& w : tag.params()) p.push_back(variable(w));
        tag.step(grad(task_masked_loss(perceptron_features(p, b.x), b.y, 2 * t, 2), p));
      }
      const Recording off(false);
      matrix.add_row(task_accuracies(tasks, t, [&](const Tensor& x, int64 task) {
        return task_masked_prediction(perceptron_features(tag.params(), x), 2 * task, 2);
      }));
    }
  } catch (const NumericError& e) {
    outcome.diverged = true;
    outcome.note = e.what();
    return outcome;
  }
  note_matrix(matrix, "", outcome);
  if (!plain) {
    const std::vector<double>& alpha = tag.moments(0).alpha();
    double sum = 0;
    for (size_t tau = 0; tau + 1 < alpha.size(); ++tau) sum += alpha[tau];
    outcome.metrics["mean_alpha"] = sum / static_cast<double>(alpha.size() - 1);
  }
  return outcome;
}

void tag_experiment(Experiment& e) {
  const auto arms = [&](const std::string& rule, const std::vector<double>& plain,
                        const std::vector<double>& tag) {
    e.arm("tag-" + rule).run(tag_stream, {{"method", "tag"}, {"rule", rule}}).tune("lr", tag);
    e.arm(rule).run(tag_stream, {{"method", "plain"}, {"rule", rule}}).tune("lr", plain);
  };
  arms("rmsprop", {3e-5, 1e-4, 3e-4, 1e-3, 3e-3}, {1e-5, 3e-5, 1e-4, 3e-4, 1e-3});
  arms("adagrad", {3e-4, 1e-3, 3e-3, 1e-2, 3e-2}, {1e-4, 3e-4, 1e-3, 3e-3, 1e-2});
  arms("adam", {3e-5, 1e-4, 3e-4, 1e-3, 3e-3}, {1e-5, 3e-5, 1e-4, 3e-4, 1e-3});
  e.tune_for("average_accuracy");
  for (const char* rule : {"rmsprop", "adagrad", "adam"}) {
    const std::string tag = std::string("tag-") + rule;
    e.claim(tag + " ends with a higher mean accuracy", better(tag, rule, "average_accuracy"));
    e.claim(tag + " forgets at most half as much", ratio_at_most(tag, rule, "forgetting_error", 0.5));
  }
}

}  // namespace

Paper tag() {
  return {.slug = "tag",
          .family = "continual",
          .title = "TAG: Task-based Accumulated Gradients for Lifelong learning",
          .authors = "Malviya, Ravindran, Chandar",
          .venue = "CoLLAs",
          .year = 2022,
          .arxiv = "2105.05155",
          .idea =
              "An adaptive rule keeps a second moment a task; on a new task all are added up, weighted by "
              "how the accumulated "
              "gradients agree: steps shrink where tasks disagree. Claimed: half the forgetting of the rule "
              "it extends.",
          .equations =
              "m_t = beta1*m_t + (1-beta1)*g,  v_t = beta2*v_t + (1-beta2)*g^2\n"
              "alpha_tau = exp(-b*<unit(m_t), unit_tau>),  alpha_t = exp(-b)\n"
              "V = sum over tau <= t of alpha_tau*v_tau,  p -= lr*g/(sqrt(V) + eps)",
          .files = {"optim/methods/task_gradients.cpp", "nn/continual/task_mask.cpp"},
          .use = "TaskGradients of optim/methods/task_gradients.h",
          .functions = tag_functions(),
          .experiment = tag_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
