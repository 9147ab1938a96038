// What a classifier makes of a data set, class by class: which classes it takes for which, and where it errs most surely.
#pragma once

#include <vector>

#include "data/batch.h"

namespace gradus {

struct Mistake {
  int64 index = 0;  ///< of the example in its set
  int64 label = 0, predicted = 0;
  double probability = 0, of_label = 0;  ///< that the model gives the class it predicts, and the right one
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
  /// The most confident first; of equals the one that came first.
  const std::vector<Mistake>& mistakes() const { return mistakes_; }
  /// Pairs of different classes by falling count (which is not 0), at most `most`.
  struct Pair {
    int64 label, predicted, count;
  };
  std::vector<Pair> confusions(int64 most) const;

 private:
  int64 classes_, keep_, examples_ = 0;
  std::vector<int64> counts_;  // (label, predicted)
  std::vector<Mistake> mistakes_;
};

}  // namespace gradus
