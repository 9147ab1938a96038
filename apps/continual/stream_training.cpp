#include "apps/continual/stream_training.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "nn/continual/task_mask.h"

namespace gradus {

double share_right(const IntTensor& predictions, const IntTensor& y) {
  double right = 0;
  for (int64 i = 0; i < y.numel(); ++i) right += predictions[i] == y[i];
  return y.numel() > 0 ? right / static_cast<double>(y.numel()) : 0;
}

StreamTraining::StreamTraining(ContinualLearner& learner, const TaskSequence& tasks,
                               const StreamTrainingOptions& options, const Rng& rng)
    : learner_(learner), tasks_(tasks), o_(options), rng_(rng) {}

double StreamTraining::mean_loss() const {
  return losses_ > 0 ? loss_sum_ / static_cast<double>(losses_) : std::nan("");
}

void StreamTraining::prepare() {
  now_ = tasks_.task(task_);
  rows_ = learner_.rows(now_);
  const int64 each = (rows_.x.dim(0) + o_.batch_size - 1) / o_.batch_size;
  now_.epoch_steps = each;
  steps_ = learner_.steps(now_, o_.steps > 0 ? o_.steps : o_.epochs * each);
}

void StreamTraining::begin() {
  prepare();
  learner_.begin(now_, steps_, rng_);
  begun_ = true;
  loss_sum_ = 0;
  losses_ = 0;
  if (task_ == 0) baseline_ = accuracies(-1);
}

// Of the tests of all tasks. Those seen are predicted together, since some networks normalise by what they are given.
std::vector<double> StreamTraining::accuracies(int64 seen) const {
  std::vector<double> row(static_cast<size_t>(tasks_.tasks()), std::nan(""));
  const Recording off(false);
  const auto right_of = [&](const Tensor& logits, int64 t, int64 from) {
    const LabelledRows& test = tasks_.test[static_cast<size_t>(t)];
    const int64 n = test.y.numel(), first = tasks_.first_label[static_cast<size_t>(t)],
                known = tasks_.known[static_cast<size_t>(t)];
    if (n == 0) return 0.0;
    if (logits.dim(1) < known) return std::nan("");
    const Tensor own = logits.rows(from, from + n);
    return share_right(tasks_.by_task ? task_masked_prediction(own, first, known - first) : argmax(own, 1),
                       test.y);
  };
  LabelledRows all;
  for (int64 t = 0; t <= seen; ++t) all = joined_rows(all, tasks_.test[static_cast<size_t>(t)]);
  int64 from = 0;
  if (seen >= 0) {
    const Tensor z = learner_.logits(all.x);
    for (int64 t = 0; t <= seen; ++t) {
      row[static_cast<size_t>(t)] = right_of(z, t, from);
      from += tasks_.test[static_cast<size_t>(t)].y.numel();
    }
  }
  for (int64 t = seen + 1; t < tasks_.tasks(); ++t)
    if (tasks_.test[static_cast<size_t>(t)].y.numel() > 0)
      row[static_cast<size_t>(t)] = right_of(learner_.logits(tasks_.test[static_cast<size_t>(t)].x), t, 0);
  return row;
}

void StreamTraining::evaluate() {
  learner_.end(now_, rng_);
  matrix_.add_row(accuracies(task_));
  measured_ = true;
  drift_batch_ = drift_right_ = drift_rows_ = 0;
  if (behind_task) behind_task(task_);
}

void StreamTraining::drift_batch() {
  LabelledRows seen;
  for (int64 t = 0; t <= task_; ++t) seen = joined_rows(seen, tasks_.test[static_cast<size_t>(t)]);
  const LabelledRows b =
      batch_at(seen, o_.drift->batch_size, drift_batch_, task_rng(rng_, task_).fork("stream"));
  std::vector<int64> shape{b.x.dim(0)};
  shape.insert(shape.end(), tasks_.image.begin(), tasks_.image.end());
  const real outside = *std::min_element(b.x.data(), b.x.data() + b.x.numel());
  const Tensor x = drifted_images(*o_.drift, b.x.view(Shape(shape)), task_ - 1, drift_batch_, outside, rng_);
  const IntTensor predictions = learner_.predict_drifting(x.view(b.x.shape()));
  drift_right_ +=
      static_cast<int64>(std::llround(share_right(predictions, b.y) * static_cast<double>(b.y.numel())));
  drift_rows_ += b.y.numel();
  if (on_drift) on_drift(task_, b.y, predictions);
  if (++drift_batch_ == o_.drift->batches)
    drift_.push_back(static_cast<double>(drift_right_) / static_cast<double>(drift_rows_));
}

bool StreamTraining::advance() {
  if (done()) return false;
  if (!begun_) begin();
  if (step_ < steps_) {
    const auto [order, at] = learner_.phase(step_);
    const Rng key = task_rng(rng_, task_).fork("order").fork(static_cast<std::uint64_t>(order));
    const LabelledRows batch = learner_.in_order() ? batch_in_order(rows_, o_.batch_size, at)
                                                   : batch_at(rows_, o_.batch_size, at, key);
    loss_sum_ += learner_.step(now_, batch, step_);
    ++losses_;
    ++step_;
    return true;
  }
  if (!measured_) {
    evaluate();
    if (o_.drift && task_ > 0) return true;
  } else if (o_.drift && task_ > 0 && drift_batch_ < o_.drift->batches) {
    drift_batch();
    if (drift_batch_ < o_.drift->batches) return true;
  }
  ++task_;
  step_ = 0;
  begun_ = measured_ = false;
  return !done();
}

void StreamTraining::state(const StateArchive& archive) {
  archive("task", task_);
  archive("step", step_);
  archive("steps", steps_);
  archive("begun", begun_);
  archive("measured", measured_);
  archive("baseline", baseline_);
  archive("drift", drift_);
  archive("drift_batch", drift_batch_);
  archive("drift_right", drift_right_);
  archive("drift_rows", drift_rows_);
  archive("loss_sum", loss_sum_);
  archive("losses", losses_);
  std::vector<std::vector<double>> rows = matrix_.rows();
  archive("matrix", rows);
  learner_.state(archive.below("learner"));
  if (!archive.loads()) return;
  matrix_ = {};
  for (std::vector<double>& row : rows) matrix_.add_row(std::move(row));
  if (!begun_ || done()) return;
  const int64 planned = steps_;  // (behind the last step exemplars, and so rows, may have changed)
  prepare();
  steps_ = planned;
}

}  // namespace gradus
