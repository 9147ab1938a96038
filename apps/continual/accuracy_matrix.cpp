#include "apps/continual/accuracy_matrix.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {
namespace {

double share(double sum, int64 count) { return count > 0 ? sum / static_cast<double>(count) : 0; }

}  // namespace

void AccuracyMatrix::add_row(std::vector<double> accuracies) {
  if (accuracies.size() <= rows_.size())
    fail<ShapeError>("accuracy matrix: {} accuracies behind task {}", accuracies.size(), rows_.size());
  rows_.push_back(std::move(accuracies));
}

double AccuracyMatrix::average_accuracy(int64 i) const {
  double sum = 0;
  for (int64 j = 0; j <= i; ++j) sum += at(i, j);
  return share(sum, i + 1);
}

double AccuracyMatrix::incremental_accuracy() const {
  double sum = 0;
  for (int64 i = 0; i < tasks(); ++i) sum += average_accuracy(i);
  return share(sum, tasks());
}

double AccuracyMatrix::forgetting(bool include_final) const {
  const int64 last = tasks() - 1;
  double sum = 0;
  for (int64 j = 0; j < last; ++j) {
    double best = at(j, j);
    for (int64 i = j; i < last + include_final; ++i) best = std::max(best, at(i, j));
    sum += best - at(last, j);
  }
  return share(sum, last);
}

double AccuracyMatrix::backward_transfer() const {
  const int64 last = tasks() - 1;
  double sum = 0;
  for (int64 j = 0; j < last; ++j) sum += at(last, j) - at(j, j);
  return share(sum, last);
}

double AccuracyMatrix::forward_transfer(std::span<const double> baseline) const {
  if (std::ssize(baseline) < tasks())
    fail<ShapeError>("accuracy matrix: {} accuracies of the untrained model for {} tasks", baseline.size(),
                     tasks());
  double sum = 0;
  for (int64 j = 1; j < tasks(); ++j) {
    const std::vector<double>& before = rows_[static_cast<size_t>(j - 1)];
    if (std::ssize(before) <= j)
      fail<ShapeError>("accuracy matrix: forward transfer asks for the accuracy on task {} before it", j);
    sum += before[static_cast<size_t>(j)] - baseline[static_cast<size_t>(j)];
  }
  return share(sum, tasks() - 1);
}

double AccuracyMatrix::learning_accuracy() const {
  double sum = 0;
  for (int64 j = 0; j < tasks(); ++j) sum += at(j, j);
  return share(sum, tasks());
}

double AccuracyMatrix::new_task_accuracy() const {
  double sum = 0;
  for (int64 j = 1; j < tasks(); ++j) sum += at(j, j);
  return share(sum, tasks() - 1);
}

}  // namespace gradus
