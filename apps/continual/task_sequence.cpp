#include "apps/continual/task_sequence.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "data/loader.h"
#include "data/views.h"

namespace gradus {
namespace {

Batch first_rows(const DatasetPtr& data, int64 count) {
  const int64 n = count > 0 ? std::min(count, data->size()) : data->size();
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

ContinualTask TaskSequence::task(int64 t) const {
  const auto i = static_cast<size_t>(t);
  return {.index = t,
          .rows = train[i],
          .classes = known[i],
          .first_class = first_label[i],
          .groups = groups(),
          .seen = [this, t] {
            LabelledRows all;
            for (int64 j = 0; j <= t; ++j) all = joined_rows(all, train[static_cast<size_t>(j)]);
            return all;
          }};
}

TaskSequence make_task_sequence(const Data& data, const TaskStreamOptions& stream, int64 limit,
                                int64 test_limit, const Rng& rng) {
  const DatasetInfo& info = data.info();
  if (info.kind != DataKind::kImages || info.classes < 2 || !data.train)
    fail<UsageError>("data set {}: streams of tasks are made of labelled images with a training part",
                     info.name);
  const Batch train = first_rows(data.train, limit), test = first_rows(data.test, test_limit);
  TaskSequence out;
  out.features = train.x.numel() / train.x.dim(0);
  out.image = Shape{train.x.dim(1), train.x.dim(2), train.x.dim(3)};
  const TaskStream tasks(stream, info.classes, out.features, rng.fork("tasks"));
  for (int64 t = 0; t < tasks.tasks(); ++t) {
    out.train.push_back(as_rows(tasks.task(t, train.x, train.y)));
    out.test.push_back(as_rows(tasks.task(t, test.x, test.y)));
    out.first_label.push_back(tasks.first_label(t));
    out.known.push_back(tasks.labels_with(t));
    if (out.train.back().x.dim(0) == 0)
      fail<UsageError>("task stream: task {} of {} has no training examples", t + 1, tasks.tasks());
  }
  out.classes = out.known.back();
  out.by_task = tasks.scenario() == "task";
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
    out.first_label.push_back(b.first_label[t] + a.classes);
    out.known.push_back(b.known[t] + a.classes);
  }
  out.classes += b.classes;
  return out;
}

}  // namespace gradus
