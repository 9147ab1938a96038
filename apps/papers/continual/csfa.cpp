// CSFA.
// Paper: Yu, Lu, Zhang, "Generalized Incremental Learning under Concept Drift across Evolving Data Streams", 2025, arXiv 2506.05736.
//   new classes: P_c = (1-shift)*p_c + shift*q_c, q_c a mixture of base prototypes;  drift: entropy of reliable rows at perturbed
//   scales and shifts, along d = g_p - alpha*(g - (<g, g_p>/||g_p||^2)*g_p)
// The claims at our scale: the harmonic mean of base and new accuracy on drifting streams is above the unadapted network's, and not
// behind SAR and TENT by half a point; calibration alone costs at most a point of base accuracy and raises that of new classes.
//   MNIST; base classes 0-5, then {6,7} and {8,9} by five shots each; behind each session a stream of 40 batches of 64 images of all
//   classes seen, turned from 0 to 45 degrees in the first, noisy up to 0.6 in the second; perceptron with batch norm
// Tried before: shift 0.5 for all, 784-64-32, 6,000 images, five seeds: 1.1 points above the network as it was [-1.6, 3.8]; calibration alone
// lost 0.5 on new classes [-4.5, 3.5] and 3.7 on base classes [2.6, 4.7].
// Departures: everything but the abstract is put together from its parts (card); a perceptron 784-128-64 for three convolutions.
#include "apps/continual/csfa_learner.h"
#include "apps/papers/continual/csfa_cases.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/entries.h"
#include "autograd/ops/reduce.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kBase = 6;

CsfaOptions csfa_options(const Trial& trial) {
  CsfaOptions o;
  const std::string& method = trial.word("method");
  o.adapt = method == "tent" || method == "sar" || method == "csfa";
  o.calibration.shift = method == "source" ? 0 : trial.number("shift");
  if (!o.adapt) return o;
  o.rsgs.lr = trial.number("lr");
  if (method != "csfa") o.rsgs.alpha = 0;
  if (method == "tent") o.rsgs.rho = 0, o.rsgs.e0_factor = 1e9;  // every row
  return o;
}

struct StreamScore {
  double base = 0, fresh = 0, base_rows = 0, fresh_rows = 0;
  void add(const IntTensor& predictions, const IntTensor& y) {
    for (int64 i = 0; i < y.numel(); ++i) {
      (y[i] < kBase ? base_rows : fresh_rows) += 1;
      (y[i] < kBase ? base : fresh) += predictions[i] == y[i];
    }
  }
  double base_share() const { return base / std::max(1.0, base_rows); }
  double fresh_share() const { return fresh / std::max(1.0, fresh_rows); }
  double harmonic() const {
    const double a = base_share(), b = fresh_share();
    return a + b > 0 ? 2 * a * b / (a + b) : 0;
  }
};

Outcome csfa_streams(const Trial& trial) {
  const TaskSequence tasks =
      load_tasks(trial, "mnist", {.first_classes = kBase, .shuffle_classes = false}, 12000, 6000);
  CsfaLearner learner(csfa_options(trial),
                      {.inputs = tasks.features, .hidden = 128, .width = 64, .classes = tasks.classes});
  StreamTrainingOptions options = stream_options(trial, 64, 6);
  options.drift =
      DriftOptions{.change = "alternating", .batches = trial.quick ? 3 : 40, .sigma = 0.6 / 0.3081};
  StreamTraining training(learner, tasks, options, trial_rng(trial, "csfa"));
  Outcome outcome;
  StreamScore clean, drifting;
  double harmonic = 0, clean_base = 0, clean_new = 0;
  const auto close_stream = [&](int64 t) {
    if (t == 0) return;
    const std::string drift = t == 1 ? "turned" : "noisy";
    harmonic += drifting.harmonic() / 2;
    outcome.metrics[drift + "_base_accuracy"] = drifting.base_share();
    outcome.metrics[drift + "_new_accuracy"] = drifting.fresh_share();
    outcome.metrics[drift + "_harmonic_accuracy"] = drifting.harmonic();
    drifting = {};
  };
  training.behind_task = [&](int64 t) {
    close_stream(t - 1);
    if (t == 0) return;
    LabelledRows seen;
    for (int64 j = 0; j <= t; ++j) seen = joined_rows(seen, tasks.test[static_cast<size_t>(j)]);
    clean = {};
    clean.add(argmax(learner.logits(seen.x), 1), seen.y);
    clean_base += clean.base_share() / 2;
    clean_new += clean.fresh_share() / 2;
  };
  training.on_drift = [&](int64, const IntTensor& labels, const IntTensor& predictions) {
    drifting.add(predictions, labels);
  };
  if (!learn_stream(trial, training, tasks, outcome)) return outcome;
  close_stream(tasks.tasks() - 1);
  outcome.metrics["harmonic_accuracy"] = harmonic;
  outcome.metrics["clean_base_accuracy"] = clean_base;
  outcome.metrics["clean_new_accuracy"] = clean_new;
  return outcome;
}

void csfa_experiment(Experiment& e) {
  for (const char* method : {"csfa", "sar", "tent"})
    e.arm(method)
        .run(csfa_streams, {{"method", method}})
        .tune("lr", {1e-4, 1e-3, 1e-2})
        .tune("shift", {0.1, 0.3, 0.5});
  e.arm("calibrated")
      .run(csfa_streams, {{"method", "calibrated"}})
      .tune("shift", {0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5});
  e.arm("source").run(csfa_streams, {{"method", "source"}}).untuned("nothing is adapted or calibrated");
  e.tune_for("harmonic_accuracy");
  e.seeds(12, 2);
  for (const char* method : {"csfa", "sar", "tent"})
    e.claim(std::string(method) + " with calibration is above the network as it was",
            better(method, "source", "harmonic_accuracy"));
  e.claim("at most half a point behind SAR", not_worse("csfa", "sar", "harmonic_accuracy", 0.005));
  e.claim("at most half a point behind TENT", not_worse("csfa", "tent", "harmonic_accuracy", 0.005));
  e.claim("calibration raises the accuracy on new classes",
          better("calibrated", "source", "clean_new_accuracy"));
  e.claim("at a cost of at most a point on base classes",
          not_worse("calibrated", "source", "clean_base_accuracy", 0.01));
}

}  // namespace

Paper csfa() {
  return {
      .slug = "csfa",
      .family = "continual",
      .title = "Generalized Incremental Learning under Concept Drift across Evolving Data Streams",
      .authors = "Yu, Lu, Zhang",
      .venue = "arXiv",
      .year = 2025,
      .arxiv = "2506.05736",
      .idea =
          "A stream brings new classes with a few labels and unlabelled data that drift: prototypes of "
          "new classes are drawn "
          "towards similar base classes without training, normalisation layers are adapted to reliable "
          "predictions along a step "
          "that also closes the surrogate gap. Claimed: above adaptation by entropy alone.",
      .equations =
          "P_c = (1-shift)*p_c + shift*normalise(sum_b softmax(tau*<p_c, B_b>) B_b)\n"
          "keep: H < e0_factor*log C;  g_p = gradient of mean H at lambda + rho*g/||g||\n"
          "d = g_p - alpha*(g - (<g, g_p>/||g_p||^2)*g_p)",
      .files = {"nn/continual/prototypes.cpp", "optim/methods/gap_direction.cpp", "apps/continual/rsgs.cpp",
                "apps/continual/csfa_learner.cpp", "data/tasks/drift_stream.cpp"},
      .use = "gradus continual --method csfa --tasks split:first=6 --drift gradual",
      .functions = csfa_functions(),
      .experiment = csfa_experiment,
      .minutes = 1};
}

}  // namespace gradus::paper_entries
