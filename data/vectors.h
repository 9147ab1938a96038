// VectorSet: examples that are real numbers, with class labels or real targets; what CSV and .npy readers
// produce.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "data/dataset.h"

namespace gradus {

class VectorSet : public Dataset {
 public:
  /// `x` (N, info.example...). Class labels `y` (N).
  VectorSet(DatasetInfo info, Tensor x, IntTensor y);
  /// Real targets `y` (N, info.targets).
  VectorSet(DatasetInfo info, Tensor x, Tensor y);

  int64 size() const override { return x_.dim(0); }
  int64 label(int64 i) const override;
  void read_reals(int64 i, real* out) const override;
  void read_targets(int64 i, real* out) const override;

 private:
  void check(int64 rows, const Shape& y) const;
  Tensor x_, targets_;
  IntTensor labels_;
};

/// Splits 0..n-1 at random, the same way for the same seed: round(fraction * n) of them, at least one and not
/// all, are the test part; each part in ascending order. A fraction of 1 leaves the training part empty. Throws
/// DataError where fewer than two are to be split.
struct SplitIndices {
  std::vector<int64> train, test;
};
SplitIndices random_split(int64 n, double fraction, int64 seed, const std::string& name);

/// The parts as views of `whole`; no training set where that part is empty.
Data split_data(const DatasetPtr& whole, const SplitIndices& parts);

/// Mean and standard deviation of each column of the rows `rows` of x (N,D). A column that is constant but for rounding
/// (deviation below 16 units in the last place of its largest number) has the deviation 1, or that largest number if
/// there is rounding, so that it standardises to 0.
struct ColumnScale {
  std::vector<double> mean, std;
};
ColumnScale measure_columns(const std::vector<double>& x, int64 columns, const std::vector<int64>& rows);

}  // namespace gradus
