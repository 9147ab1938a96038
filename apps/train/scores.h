// What is said of a model's outputs on a set of examples, task by task, and the table of its measures: what `eval` and `train`
// print, what --metric may name, what reports show.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/train/evaluate.h"
#include "apps/train/predictions.h"

namespace gradus {

/// Errors of real outputs (B,D) against what they should be, over all D. R^2 is 1 - (sum of squared errors) / (sum of squared
/// deviations from the mean), output by output, then their mean (Draper and Smith, "Applied Regression Analysis", chapter 1).
class Errors {
 public:
  /// Both are in units of `scale`, one an output (none: 1). Throws ShapeError where the shapes differ.
  void add(const Tensor& output, const Tensor& wanted, const std::vector<double>& scale = {});
  double mse() const;
  double rmse() const;
  double mae() const;
  /// NaN where an output should always be the same.
  double r2() const;

 private:
  struct Column {
    double squares = 0, mean = 0, deviations = 0;  // deviations: sum of squares from the mean
  };
  int64 rows_ = 0;
  double absolute_ = 0;
  std::vector<Column> columns_;
};

class Scores {
 public:
  /// Remembers the `mistakes` most confident ones of a classifier.
  Scores(Task task, const DatasetInfo& info, int64 mistakes = 0);
  /// A batch and the model's output for it.
  void add(const Batch& batch, const Tensor& output);
  void set_sums(const Score& sums) { sums_ = sums; }

  Task task() const { return task_; }
  const DatasetInfo& info() const { return info_; }
  const Score& sums() const { return sums_; }
  const std::optional<Predictions>& predictions() const { return predictions_; }
  const std::optional<Errors>& errors() const { return errors_; }

  /// Each measure of the task as PREFIX_NAME.
  nlohmann::ordered_json json(const std::string& prefix) const;
  /// Adds to a result, of a classifier: "classes" (name, support, precision, recall, f1 of each) and "confusion" (a row a true
  /// class; of more than 100 classes the 100 most frequent confusions).
  void add_classes(nlohmann::ordered_json& result) const;
  /// Lines "PREFIX NAME" with the value of each measure.
  std::vector<std::vector<std::string>> rows(const std::string& prefix) const;
  /// Tables of the classes and of which is taken for which; "" for other tasks. Of many classes those with the least F1 and
  /// the most frequent confusions.
  std::string tables() const;

 private:
  Task task_;
  DatasetInfo info_;
  Score sums_;
  std::optional<Predictions> predictions_;
  std::optional<Errors> errors_;
};

/// Scores of a model on a set; nothing if it was stopped (options.stop).
std::optional<Scores> scores_on(Model& model, const DatasetPtr& data, const EvaluateOptions& options = {},
                                int64 mistakes = 0);

/// A measure: how it is called in flags and JSON, and which way is better.
struct Metric {
  const char* name;
  const char* summary;
  bool larger;  ///< is better
  bool share;   ///< of one, shown in per cent
  bool (*applies)(const Scores&);
  double (*value)(const Scores&);
  /// The value for people.
  std::string text(double v) const;
};
/// All measures, in the order they are shown.
const std::vector<Metric>& metrics();
/// The measure that decides which weights are best: the one named, or with "auto" the accuracy, where a task has one, else the
/// loss. Throws UsageError naming those of the task.
const Metric& deciding_metric(const std::string& name, Task task, const DatasetInfo& info);
/// "auto" and all names, for --metric.
std::vector<std::string> metric_words();

}  // namespace gradus
