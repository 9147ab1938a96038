// Principal components of rows that come in batches.
//
// Ross, Lim, Lin, Yang, "Incremental Learning for Robust Visual Tracking", IJCV 77, 2008, as EVA uses it (arXiv 2410.07170):
//   first batch: rows = X - mean(X);   later: rows = [diag(S) V; X - mb; sqrt(n*nb/(n+nb)) (mu - mb)]
//   S, V: the first k singular values and right vectors of the rows; the entry of largest magnitude of each vector is positive
//   ratio_i = S_i^2 / (sum of squared deviations of all data seen)
#pragma once

#include <vector>

#include "core/tensor.h"

namespace gradus {

class IncrementalPca {
 public:
  /// Throws UsageError for k < 1.
  explicit IncrementalPca(int64 components);
  /// X (nb, d). A batch of fewer than k rows is skipped: false. Throws ShapeError where d differs from before or is below k.
  bool update(const Tensor& X);

  int64 updates() const { return updates_; }
  /// The rest is undefined (empty) before the first update.
  const Tensor& components() const { return v_; }       ///< (k,d)
  const Tensor& singular_values() const { return s_; }  ///< (k), descending
  const std::vector<double>& mean() const { return mean_; }
  std::vector<double> variance() const;  ///< of each coordinate, divided by the count
  std::vector<double> ratios() const;    ///< (k); zeros where nothing varies

 private:
  int64 k_, count_ = 0, updates_ = 0;
  std::vector<double> mean_, squares_;  // squared deviations a coordinate
  Tensor s_, v_;
};

}  // namespace gradus
