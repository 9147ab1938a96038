// FOSTER.
// Paper: Wang, Zhou, Ye, Zhan, "FOSTER: Feature Boosting and Compression for Class-Incremental Learning", ECCV 2022, arXiv 2204.04662.
//   boosting: a second extractor beside the frozen one, L = CE(o/w, y) + CE(e, y) + lambda_okd*KD(o[:, old], q; T)
//   compression: both into one student by s = softmax(teacher/T)*w, rows scaled to sum 1
// The claim at our scale: the compressed network's mean accuracy over the tasks is above fine-tuning and plain replay of as many steps
// with the same memory, and within two points of its own two-branch teacher.
//   Fashion-MNIST, 4,000 images, 5 tasks of 2 classes in an order by seed, memory 60, a perceptron of 64 units with 32 features
// Departures: no convolutions, so no batch norm to freeze; 8 epochs of boosting and 6 of compression a task.
#include "apps/continual/exemplars.h"
#include "apps/continual/foster_task.h"
#include "apps/papers/continual/foster_cases.h"
#include "apps/papers/continual/stream_run.h"
#include "apps/papers/entries.h"

namespace gradus::paper_entries {
namespace {

// Herded exemplars, memory/(classes seen) of each class.
LabelledRows foster_memory(const LabelledRows& seen, const LinearHeadNetwork& net, int64 classes,
                           int64 memory) {
  std::vector<int64> kept;
  for (int64 c = 0; c < classes; ++c) {
    std::vector<int64> own;
    for (int64 i = 0; i < seen.y.numel(); ++i)
      if (seen.y[i] == c) own.push_back(i);
    if (own.empty()) continue;
    const Recording off(false);
    for (const int64 i :
         herded_rows(perceptron_features(net.extractor, chosen_rows(seen, own).x), memory / classes))
      kept.push_back(own[static_cast<size_t>(i)]);
  }
  return chosen_rows(seen, kept);
}

IntTensor class_counts_of(const IntTensor& y, int64 classes) {
  IntTensor counts = IntTensor::full({classes}, 0);
  for (const int64 c : y.span()) ++counts.mutable_data()[c];
  for (int64 c = 0; c < classes; ++c) counts.mutable_data()[c] = std::max<int64>(1, counts[c]);
  return counts;
}

Outcome foster_stream(const Trial& trial) {
  constexpr int64 kMemory = 60, kBatch = 64;
  const std::string method = trial.word("method");
  const Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork("foster");
  const TaskSequence tasks = load_tasks(trial, "fashion-mnist", {}, 4000, 2000);
  const double lr = trial.number("lr");
  const int64 width = 32, per_task = tasks.classes / std::ssize(tasks.train);
  LinearHeadNetwork net = fresh_perceptron(tasks.features, 64, width, per_task, rng.fork("start"));
  LabelledRows memory, all;
  AccuracyMatrix matrix, teacher;
  Outcome outcome;
  const auto evaluate = [&](AccuracyMatrix& to, int64 t, const std::function<Tensor(const Tensor&)>& logits) {
    to.add_row(task_accuracies(tasks, t, [&](const Tensor& x, int64) { return largest_of(logits(x)); }));
  };
  const auto student = [&](const Tensor& x) { return network_logits(perceptron_features, net, x); };
  for (int64 t = 0; t < std::ssize(tasks.train); ++t) {
    trial.checkpoint(static_cast<double>(t) / static_cast<double>(tasks.train.size()));
    const Rng own = rng.fork("task").fork(static_cast<std::uint64_t>(t));
    const LabelledRows& fresh = tasks.train[static_cast<size_t>(t)];
    all = joined_rows(all, fresh);
    const LabelledRows rows = method == "finetune" ? fresh
                              : method == "joint"  ? all
                                                   : joined_rows(fresh, memory);
    const int64 classes = (t + 1) * per_task, boosting = steps_of(trial, rows, kBatch, 8),
                compression = steps_of(trial, rows, kBatch, 6);
    const auto batch = [&](int phase, int64 s) {
      return batch_at(rows, kBatch, s, own.fork("order").fork(static_cast<std::uint64_t>(phase)));
    };
    if (t > 0 && method == "foster") {
      FosterOptions o;
      o.boosting_steps = boosting;
      o.compression_steps = compression;
      o.lr = lr;
      const LinearHeadNetwork old = net;
      const FosterResult r = foster_task(perceptron_features, old,
                                         {fresh_classifier(classes, 2 * width, own.fork("both")),
                                          fresh_classifier(classes, width, own.fork("new")),
                                          fresh_classifier(classes, width, own.fork("student"))},
                                         batch, class_counts_of(rows.y, classes), o);
      net = r.student;
      evaluate(teacher, t,
               [&](const Tensor& x) { return foster_teacher_logits(perceptron_features, old, r, x); });
    } else {
      if (t > 0)
        net.fc = expanded_classifier(net.fc, fresh_classifier(classes, width, own.fork("both")), false);
      net = train_plainly(perceptron_features, net, 0, boosting + compression,
                          [&](int64 s) { return batch(0, s); }, {.lr = lr});
      if (method == "foster") evaluate(teacher, t, student);
    }
    evaluate(matrix, t, student);
    memory = foster_memory(joined_rows(memory, fresh), net, classes, kMemory);
  }
  note_matrix(matrix, "", outcome);
  if (method == "foster") {
    outcome.metrics["teacher_accuracy"] = teacher.incremental_accuracy();
    outcome.metrics["teacher_gap_error"] = teacher.incremental_accuracy() - matrix.incremental_accuracy();
  }
  return outcome;
}

void foster_experiment(Experiment& e) {
  for (const char* method : {"foster", "finetune", "replay", "joint"})
    e.arm(method).run(foster_stream, {{"method", method}}).tune("lr", {0.01, 0.03, 0.1});
  e.tune_for("incremental_accuracy");
  e.seeds(5);
  e.claim("above fine-tuning, over all tasks", better("foster", "finetune", "incremental_accuracy"));
  e.claim("above plain replay with the same memory", better("foster", "replay", "incremental_accuracy"));
  e.claim("the compressed network is within two points of its teacher",
          at_most("foster", "teacher_gap_error", 0.02));
}

}  // namespace

Paper foster() {
  return {.slug = "foster",
          .family = "continual",
          .title = "FOSTER: Feature Boosting and Compression for Class-Incremental Learning",
          .authors = "Wang, Zhou, Ye, et al.",
          .venue = "ECCV",
          .year = 2022,
          .arxiv = "2204.04662",
          .idea =
              "A new task's error is a residual that a second extractor is boosted on beside the frozen "
              "first; then both are "
              "distilled into one, by a target that balances the classes. Claimed: more accurate than "
              "replay, no larger.",
          .equations =
              "boosting: L = CE(o/w, y) + CE(e, y) + lambda_okd*KD(o[:, old], q; T)\n"
              "w_k = (1-beta)/(1-beta^n_k), scaled to sum K\n"
              "compression: s = softmax(teacher/T)*w, rows scaled to sum 1;  L = -mean sum s*log "
              "softmax(student/T)",
          .files = {"nn/continual/foster_loss.cpp", "apps/continual/foster_task.cpp",
                    "apps/continual/exemplars.cpp"},
          .use = "foster_task of apps/continual/foster_task.h",
          .functions = foster_functions(),
          .experiment = foster_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
