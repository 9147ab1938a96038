// A method of learning tasks in turn, as the loop (stream_training.h) and the table (learners.h) see it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/continual/features.h"
#include "optim/state_archive.h"

namespace gradus {

/// A task as a method meets it.
struct ContinualTask {
  int64 index = 0;
  LabelledRows rows;               ///< its labelled examples
  int64 classes = 0;               ///< labels known with this task: 0..classes-1
  int64 first_class = 0;           ///< the least label of its own
  std::vector<int64> groups = {};  ///< see competing_loss: where the task of an example is known; else empty
  std::function<LabelledRows()> seen;  ///< the rows of all tasks so far
  int64 epoch_steps = 1;               ///< steps of a pass over rows()
};

class ContinualLearner {
 public:
  virtual ~ContinualLearner() = default;
  /// What batches of this task are drawn from.
  virtual LabelledRows rows(const ContinualTask& task) const { return task.rows; }
  /// Batches come in the rows' own order.
  virtual bool in_order() const { return false; }
  /// How many of the steps planned for a task it makes.
  virtual int64 steps(const ContinualTask& task, int64 planned) const {
    static_cast<void>(task);
    return planned;
  }
  /// Before the first of `steps` steps, once a task. Draws are keyed by `rng` and the task.
  virtual void begin(const ContinualTask& task, int64 steps, const Rng& rng) = 0;
  /// Which order of batches step s belongs to, and where in it.
  virtual std::pair<int, int64> phase(int64 s) const { return {0, s}; }
  /// Step s on a batch; the loss before it. Throws NumericError where it is not finite.
  virtual double step(const ContinualTask& task, const LabelledRows& batch, int64 s) = 0;
  /// Behind the last step.
  virtual void end(const ContinualTask& task, const Rng& rng) = 0;
  /// (N,K) of rows; K at least the classes known.
  virtual Tensor logits(const Tensor& x) const = 0;
  /// Predictions on an unlabelled batch of a drifting stream, to which it may adapt.
  virtual IntTensor predict_drifting(const Tensor& x);
  /// Everything that it remembers, also in the middle of a task.
  virtual void state(const StateArchive& archive) = 0;
  /// Its weights by name, as at the end.
  virtual std::vector<std::pair<std::string, Tensor>> weights() const = 0;

  /// "replay:memory=200,...", all options written out.
  const std::string& spec() const { return spec_; }
  void set_spec(std::string spec) { spec_ = std::move(spec); }

 private:
  std::string spec_;
};
using LearnerPtr = std::unique_ptr<ContinualLearner>;

/// The key of a task's own draws.
inline Rng task_rng(const Rng& rng, int64 task) {
  return rng.fork("task").fork(static_cast<std::uint64_t>(task));
}
/// Throws NumericError naming the method for a loss that is not finite, else gives it back.
double checked_loss(double loss, const char* method);

}  // namespace gradus
