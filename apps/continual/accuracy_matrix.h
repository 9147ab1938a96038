// a[i][j]: accuracy on task j after learning task i, and what the field reads off it.
//
//   average_accuracy(i) = mean over j <= i of a[i][j];  forgetting = mean over j < T-1 of (max over i = j..T-2 of a[i][j]) - a[T-1][j]
//   backward_transfer = mean over j < T-1 of a[T-1][j] - a[j][j];  learning_accuracy = mean of a[j][j]
//   forward_transfer = mean over j >= 1 of a[j-1][j] - baseline[j], baseline the accuracies of the untrained model
// Means over nothing are 0. Lopez-Paz, Ranzato, NeurIPS 2017, arXiv 1706.08840; Chaudhry et al., ECCV 2018, arXiv 1801.10112.
#pragma once

#include <span>
#include <vector>

#include "core/real.h"

namespace gradus {

class AccuracyMatrix {
 public:
  /// The row behind one more task: an accuracy for each task so far, or more. Throws ShapeError for fewer.
  void add_row(std::vector<double> accuracies);
  int64 tasks() const { return std::ssize(rows_); }
  double at(int64 i, int64 j) const { return rows_.at(static_cast<size_t>(i)).at(static_cast<size_t>(j)); }
  double average_accuracy(int64 i) const;
  double final_accuracy() const { return tasks() ? average_accuracy(tasks() - 1) : 0; }
  /// Mean of average_accuracy over all tasks.
  double incremental_accuracy() const;
  /// `include_final`: the maximum counts the last row as well, so that no task has less than 0.
  double forgetting(bool include_final = false) const;
  double backward_transfer() const;
  /// Needs rows that go one task beyond their own, and an accuracy each task: else ShapeError.
  double forward_transfer(std::span<const double> baseline) const;
  double learning_accuracy() const;
  /// The same without task 0.
  double new_task_accuracy() const;

  const std::vector<std::vector<double>>& rows() const { return rows_; }

 private:
  std::vector<std::vector<double>> rows_;
};

}  // namespace gradus
