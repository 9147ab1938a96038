#include "apps/papers/backprop-free/image_task.h"

#include <time.h>

#include <algorithm>
#include <numeric>

#include "apps/backprop_free/forward_forward_training.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "data/views.h"

namespace gradus {
namespace {

DatasetPtr first_of(const DatasetPtr& data, int64 count) {
  if (count >= data->size()) return data;
  std::vector<int64> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), int64{0});
  return subset(data, std::move(rows));
}

}  // namespace

ImageTask::ImageTask(const Trial& trial, const std::string& spec, int64 limit, int64 batch_size,
                     int64 test_limit) {
  const Data data = trial.data(spec);
  classes_ = data.info().classes;
  loader_ = std::make_unique<Loader>(
      first_of(data.train, trial.quick ? 64 : limit),
      LoaderOptions{.batch_size = std::min<int64>(batch_size, trial.quick ? 16 : batch_size),
                    .shuffle = true,
                    .drop_last = true,
                    .seed = static_cast<std::uint64_t>(trial.seed),
                    .prefetch = 0});
  const DatasetPtr test = first_of(data.test, trial.quick ? 40 : test_limit);
  test_ = Loader(test, {.batch_size = test->size(), .prefetch = 0}).make({});
}

Batch ImageTask::batch(int64 t) const {
  return loader_->make({t / steps_per_epoch(), t % steps_per_epoch()});
}

double ImageTask::test_accuracy(const std::function<Tensor(const Tensor& x)>& logits) const {
  const Recording off(false);
  std::vector<Tensor> parts;
  constexpr int64 kPart = 500;
  for (int64 from = 0; from < test_.size(); from += kPart)
    parts.push_back(logits(test_.x.rows(from, std::min(from + kPart, test_.size()))));
  return accuracy_of(concat(parts, 0), test_.y);
}

Tensor rows_of_images(const Tensor& x) { return x.view({x.dim(0), x.numel() / x.dim(0)}); }

bool run_steps(const Trial& trial, int64 steps, Outcome& outcome, const std::function<void(int64 t)>& step) {
  const int64 count = trial.quick ? 3 : steps;
  try {
    for (int64 t = 0; t < count; ++t) {
      if (t % 20 == 0) trial.checkpoint(static_cast<double>(t) / static_cast<double>(count));
      step(t);
    }
  } catch (const NumericError& e) {
    outcome.diverged = true;
    outcome.note = e.what();
    return false;
  }
  return true;
}

double processor_seconds(int repeats, const std::function<void()>& f) {
  const auto now = [] {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  double least = 1e30;
  for (int i = 0; i < repeats; ++i) {
    const double start = now();
    f();
    least = std::min(least, now() - start);
  }
  return least;
}

}  // namespace gradus
