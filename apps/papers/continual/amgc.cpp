// AMGC.
// Paper: Yao, Chang, "Adaptive Margin Global Classifier for Exemplar-Free Class-Incremental Learning", 2024, arXiv 2409.13275.
//   L_k = log sum_j exp(w_j'mu_k + b_j + m_kj) - (w_k'mu_k + b_k),  m_kj = (w_j-w_k)' Sigma^_k (w_j-w_k)/2,
//   Sigma^ = Sigma + ve_lambda*diag(Sigma) for old classes
// The claims at our scale, at the end of a stream without exemplars: more accurate on all classes than with ve_lambda = 0, than
// distillation of logits (LwF) and fine-tuning, LwF above fine-tuning; the gap of new to old classes smaller than LwF's.
//   Fashion-MNIST, 8,000 images, 4 classes and then 3 tasks of 2 in an order by seed, a perceptron of 64 units with 16 features, 5 epochs
//   a task; tuned by three seeds
// Tried before: 4,000 images, 5 tasks of 2 classes, tuned by one seed, with whose choice two of five seeds diverged: 1.4 points below
// ve_lambda = 0 [-4.1, 1.4], 10 above LwF [-17, 37], which was 1.1 above fine-tuning [-0.7, 3.0].
// Departures: a perceptron for the small CNN; the classifier on drawn features and nearest means are left out.
#include <cmath>
#include <memory>

#include "apps/continual/amgc_learner.h"
#include "apps/continual/plain_learner.h"
#include "apps/papers/continual/amgc_cases.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/entries.h"

namespace gradus::paper_entries {
namespace {

std::unique_ptr<ContinualLearner> amgc_arm(const Trial& trial, const NetworkSizes& sizes) {
  const std::string& method = trial.word("method");
  const double lr = trial.number("lr"), weight = trial.number("weight");
  if (method == "amgc" || method == "dbgc") {
    AmgcLearnerOptions o;
    o.lr = lr;
    o.kd = weight;
    o.ve_lambda = method == "amgc" ? 0.5 : 0;
    return std::make_unique<AmgcLearner>(o, sizes);
  }
  PlainOptions o;
  o.method = method == "finetune" ? "naive" : method;
  o.lr = lr;
  o.lwf.lwf_lambda = weight;
  return std::make_unique<PlainLearner>(o, sizes);
}

Outcome amgc_stream(const Trial& trial) {
  const TaskSequence tasks = load_tasks(trial, "fashion-mnist", {.first_classes = 4}, 8000, 3000);
  const auto learner =
      amgc_arm(trial, {.inputs = tasks.features, .hidden = 64, .width = 16, .classes = tasks.classes});
  StreamTraining training(*learner, tasks, stream_options(trial, 64, 5), trial_rng(trial, "amgc"));
  Outcome outcome;
  if (!learn_stream(trial, training, tasks, outcome)) return outcome;
  const AccuracyMatrix& matrix = training.matrix();
  note_matrix(matrix, "", outcome);
  const int64 last = matrix.tasks() - 1;
  double before = 0;
  for (int64 j = 0; j < last; ++j) before += matrix.at(last, j) / static_cast<double>(last);
  outcome.metrics["old_accuracy"] = before;
  outcome.metrics["new_accuracy"] = matrix.at(last, last);
  outcome.metrics["gap_error"] = std::abs(matrix.at(last, last) - before);
  return outcome;
}

void amgc_experiment(Experiment& e) {
  // What pulls towards the network before: features of AMGC, logits of LwF.
  const auto arm = [&](const char* method, const std::vector<double>& lr,
                       const std::vector<double>& weights) {
    e.arm(method).run(amgc_stream, {{"method", method}}).tune("lr", lr).tune("weight", weights);
  };
  arm("amgc", {0.003, 0.01, 0.03}, {0.01, 0.03, 0.1});
  arm("dbgc", {0.003, 0.01, 0.03}, {0.01, 0.03, 0.1});
  arm("lwf", {0.001, 0.003, 0.01}, {3, 10, 30});
  for (const char* method : {"finetune", "joint"})
    e.arm(method)
        .run(amgc_stream, {{"method", method}, {"weight", "0"}})
        .tune("lr", {0.0003, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1});
  e.tune_for("average_accuracy");
  e.seeds(8, 3);
  e.claim("above the same loss without enlarged variances", better("amgc", "dbgc", "average_accuracy"));
  e.claim("above LwF", better("amgc", "lwf", "average_accuracy"));
  e.claim("LwF above fine-tuning", better("lwf", "finetune", "average_accuracy"));
  e.claim("the gap of new and old classes is smaller than LwF's", better("amgc", "lwf", "gap_error"));
}

}  // namespace

Paper amgc() {
  return {
      .slug = "amgc",
      .family = "continual",
      .title = "Adaptive Margin Global Classifier for Exemplar-Free Class-Incremental Learning",
      .authors = "Yao, Chang",
      .venue = "arXiv",
      .year = 2024,
      .arxiv = "2409.13275",
      .idea =
          "Old classes are remembered as Gaussians of features, and the classifier is trained on all of "
          "them in closed form, each "
          "class once; enlarged variances of old classes make margins for each pair. Claimed: best "
          "without exemplars, least bias to "
          "new classes.",
      .equations =
          "m_kj = (w_j - w_k)' Sigma^_k (w_j - w_k)/2,  Sigma^ = Sigma + ve_lambda*diag(Sigma) for old "
          "classes\n"
          "L_k = log sum_j exp(w_j'mu_k + b_j + m_kj) - (w_k'mu_k + b_k)\n"
          "L = mean over classes of L_k + kd*mean ||f - f_0||^2",
      .files = {"nn/continual/amarx.cpp", "apps/continual/amgc_task.cpp", "apps/continual/amgc_learner.cpp"},
      .use = "gradus continual --method amgc",
      .functions = amgc_functions(),
      .experiment = amgc_experiment,
      .minutes = 3};
}

}  // namespace gradus::paper_entries
