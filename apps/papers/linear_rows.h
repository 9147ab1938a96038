// Linear models of two classes in double precision: the convex problems of papers about steps.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/papers/landscape.h"
#include "data/dataset.h"

namespace gradus {

/// Rows x (n,d) with labels y of -1 or +1.
struct LinearRows {
  int64 rows = 0, columns = 0;
  std::vector<double> x, y;
  /// Every column times its factor.
  LinearRows scaled(const std::vector<double>& factors) const;
};

/// Which pixels of images become columns: those that are not 0 in at least the share `active` of the first `limit` images.
class PixelColumns {
 public:
  /// Throws UsageError where no pixel is left.
  PixelColumns(const Dataset& images, int64 limit, double active);
  /// The first `limit` images: their pixels/256 (sums of them are exact), then a column of ones. Class 0 is -1, all others are +1.
  LinearRows rows(const Dataset& images, int64 limit) const;

 private:
  std::vector<size_t> pixels_;
};

/// mean over `rows` of log(1 + exp(-y x'w)), with Hessian products; rows empty: all. `data` must outlive it.
Landscape logistic(const LinearRows& data, std::vector<int64> rows = {});
/// Share of the rows whose label has the sign of x'w.
double linear_accuracy(const LinearRows& data, std::span<const double> w);

}  // namespace gradus
