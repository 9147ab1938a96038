// What the experiments of this family train on: labelled images in shuffled batches, and a part to score on.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "apps/papers/experiment.h"
#include "data/loader.h"

namespace gradus {

class ImageTask {
 public:
  /// The first `limit` training images of `spec` (a smoke run has few) in batches; of the test part the first `test_limit`.
  ImageTask(const Trial& trial, const std::string& spec, int64 limit, int64 batch_size,
            int64 test_limit = 10000);

  int64 steps_per_epoch() const { return loader_->batches_per_epoch(); }
  /// Of step t = 0, 1, ...: the epoch's order depends on the trial's seed alone.
  Batch batch(int64 t) const;
  int64 channels() const { return test_.x.dim(1); }
  int64 side() const { return test_.x.dim(2); }
  int64 features() const { return test_.x.numel() / test_.x.dim(0); }
  int64 classes() const { return classes_; }
  const Batch& test() const { return test_; }
  /// Share of the test part that `logits` (of a batch of images) gets right.
  double test_accuracy(const std::function<Tensor(const Tensor& x)>& logits) const;

 private:
  std::unique_ptr<Loader> loader_;
  Batch test_;
  int64 classes_ = 0;
};

/// Images as rows, (N, features).
Tensor rows_of_images(const Tensor& x);
/// `steps` steps (a smoke run: 3) that say where they are; step(t) may throw NumericError, which makes a run that diverged.
/// False where it did.
bool run_steps(const Trial& trial, int64 steps, Outcome& outcome, const std::function<void(int64 t)>& step);
/// Processor seconds of one call of f: the least of `repeats`.
double processor_seconds(int repeats, const std::function<void()>& f);

}  // namespace gradus
