// What a classifier makes of a data set, class by class: which classes it takes for which, and where it errs most surely.
//
// Precision, recall and F1 as in C. J. van Rijsbergen, "Information Retrieval", 1979, chapter 7; the calibration error as in
// Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, equation 3.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "data/batch.h"

namespace gradus {

struct Mistake {
  int64 index = 0;  ///< of the example in its set
  int64 label = 0, predicted = 0;
  double probability = 0, of_label = 0;  ///< that the model gives the class it predicts, and the right one
};

/// Of one class; NaN where nothing says: precision of a class that is never predicted, recall of one that never occurs, F1 of
/// one for which both hold.
struct ClassScore {
  int64 support = 0;             ///< examples of it
  double precision, recall, f1;  ///< 2 right / (support + taken for it)
};

class Predictions {
 public:
  /// Remembers the `keep` most confident mistakes. Throws UsageError for classes < 1.
  explicit Predictions(int64 classes, int64 keep = 24);
  /// A batch with labels (B) and its logits (B, classes). Predictions are the largest logit, the first of equals.
  void add(const Batch& batch, const Tensor& logits);

  int64 classes() const { return classes_; }
  /// Examples of class `label` taken for `predicted`.
  int64 count(int64 label, int64 predicted) const;
  int64 examples() const { return examples_; }
  int64 correct() const;
  /// Examples of a class, and those taken for it.
  int64 of_class(int64 label) const;
  int64 taken_for(int64 predicted) const;
  ClassScore of(int64 label) const;
  /// Means over the classes that occur or are predicted, each counted alike ("macro"); what nothing says counts as 0.
  ClassScore mean() const;
  /// Share of examples whose class is among the `kTop` most likely (of equals the first); NaN without examples.
  static constexpr int64 kTop = 5;
  double top() const;
  /// Sum over 15 equal bins of confidence, the probability of the class predicted, of |accuracy - mean confidence| weighted by
  /// the bin's share of the examples.
  double calibration_error() const;
  /// The most confident first; of equals the one that came first.
  const std::vector<Mistake>& mistakes() const { return mistakes_; }
  /// Pairs of different classes by falling count (which is not 0), at most `most`.
  struct Pair {
    int64 label, predicted, count;
  };
  std::vector<Pair> confusions(int64 most) const;

 private:
  struct Bin {
    int64 examples = 0, right = 0;
    double confidence = 0;  // sum
  };

  int64 classes_, keep_, examples_ = 0, in_top_ = 0;
  std::map<int64, int64> counts_;  // of label * classes + predicted: few of many classes
  std::vector<int64> of_class_, taken_for_;
  std::array<Bin, 15> bins_{};
  std::vector<Mistake> mistakes_;
};

}  // namespace gradus
