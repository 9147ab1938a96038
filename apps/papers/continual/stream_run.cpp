#include "apps/papers/continual/stream_run.h"

#include <algorithm>
#include <numeric>

#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "data/loader.h"
#include "data/views.h"

namespace gradus {
namespace {

Batch first_rows(const DatasetPtr& data, int64 count) {
  const int64 n = std::min(count, data->size());
  std::vector<int64> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), int64{0});
  return Loader(subset(data, std::move(rows)), {.batch_size = n, .prefetch = 0}).make({});
}

LabelledRows as_rows(const StreamTask& task) {
  const int64 n = task.x.dim(0);
  return {task.x.view({n, n > 0 ? task.x.numel() / n : task.x.dim(1) * task.x.dim(2) * task.x.dim(3)}),
          task.y};
}

}  // namespace

TaskSequence load_tasks(const Trial& trial, const std::string& spec, const TaskStreamOptions& stream,
                        int64 limit, int64 test_limit) {
  const Data data = trial.data(spec);
  const Batch train = first_rows(data.train, trial.quick ? 300 : limit),
              test = first_rows(data.test, trial.quick ? 100 : test_limit);
  TaskSequence out;
  out.classes = data.info().classes;
  out.features = train.x.numel() / train.x.dim(0);
  const TaskStream tasks(stream, out.classes, out.features,
                         Rng(static_cast<std::uint64_t>(trial.seed)).fork("tasks"));
  for (int64 t = 0; t < tasks.tasks(); ++t) {
    out.train.push_back(as_rows(tasks.task(t, train.x, train.y)));
    out.test.push_back(as_rows(tasks.task(t, test.x, test.y)));
  }
  return out;
}

TaskSequence chained(const TaskSequence& a, const TaskSequence& b) {
  TaskSequence out = a;
  for (size_t t = 0; t < b.train.size(); ++t) {
    const auto behind = [&](const LabelledRows& rows) {
      std::vector<int64> y = rows.y.values();
      for (int64& label : y) label += a.classes;
      return LabelledRows{rows.x, IntTensor::from(rows.y.shape(), y)};
    };
    out.train.push_back(behind(b.train[t]));
    out.test.push_back(behind(b.test[t]));
  }
  out.classes += b.classes;
  return out;
}

LabelledRows joined_rows(const LabelledRows& a, const LabelledRows& b) {
  if (!a.x) return b;
  if (!b.x) return a;
  std::vector<int64> y = a.y.values();
  const std::vector<int64> more = b.y.values();
  y.insert(y.end(), more.begin(), more.end());
  const Recording off(false);
  return {concat(std::vector<Tensor>{a.x, b.x}, 0), IntTensor::from({std::ssize(y)}, y)};
}

LabelledRows chosen_rows(const LabelledRows& rows, const std::vector<int64>& index) {
  std::vector<int64> y;
  for (const int64 i : index) y.push_back(rows.y[i]);
  const Recording off(false);
  const IntTensor at = IntTensor::from({std::ssize(index)}, index);
  return {index_select(rows.x, 0, at), IntTensor::from({std::ssize(y)}, y)};
}

LabelledRows batch_at(const LabelledRows& rows, int64 batch_size, int64 step, const Rng& rng) {
  const int64 n = rows.x.dim(0), each = (n + batch_size - 1) / batch_size, from = step % each * batch_size;
  const std::vector<int64> order = rng.fork(static_cast<std::uint64_t>(step / each)).permutation(n);
  return chosen_rows(rows, {order.begin() + from, order.begin() + std::min(n, from + batch_size)});
}

int64 steps_of(const Trial& trial, const LabelledRows& rows, int64 batch_size, int64 epochs) {
  return trial.quick ? 3 : epochs * ((rows.x.dim(0) + batch_size - 1) / batch_size);
}

double share_right(const IntTensor& predictions, const IntTensor& y) {
  double right = 0;
  for (int64 i = 0; i < y.numel(); ++i) right += predictions[i] == y[i];
  return y.numel() > 0 ? right / static_cast<double>(y.numel()) : 0;
}

std::vector<double> task_accuracies(const TaskSequence& tasks, int64 last,
                                    const std::function<IntTensor(const Tensor& x, int64 task)>& predict) {
  std::vector<double> row;
  for (int64 j = 0; j <= last; ++j) {
    const LabelledRows& test = tasks.test[static_cast<size_t>(j)];
    row.push_back(test.y.numel() > 0 ? share_right(predict(test.x, j), test.y) : 0);
  }
  return row;
}

void note_matrix(const AccuracyMatrix& matrix, const std::string& prefix, Outcome& outcome) {
  outcome.metrics[prefix + "average_accuracy"] = matrix.final_accuracy();
  outcome.metrics[prefix + "incremental_accuracy"] = matrix.incremental_accuracy();
  outcome.metrics[prefix + "learning_accuracy"] = matrix.learning_accuracy();
  outcome.metrics[prefix + "new_task_accuracy"] = matrix.new_task_accuracy();
  outcome.metrics[prefix + "backward_transfer"] = matrix.backward_transfer();
  outcome.metrics[prefix + "forgetting_error"] = matrix.forgetting(true);
}

IntTensor largest_of(const Tensor& logits) { return argmax(logits, 1); }

}  // namespace gradus
