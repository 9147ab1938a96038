// k-means on vectors: Lloyd's algorithm from given rows, and with starts drawn by k-means++.
//
// Lloyd, IEEE Trans. Inf. Theory 28(2), 1982; Arthur, Vassilvitskii, "k-means++", SODA 2007. Equal distances go to the lower
// label; a cluster without members keeps its centroid.
#pragma once

#include <span>
#include <vector>

#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct KMeans {
  std::vector<int64> labels;  ///< of the rows
  Tensor centroids;           ///< (K,D)
  double inertia = 0;         ///< squared distances of the rows to their centroids, summed
};
/// rows (N,D) from centroids that are the rows `start`: assign, stop if no label changed, else the new means; at most `iterations`
/// rounds. Throws ShapeError for what is no matrix, DataError for a start outside 0..N-1 or none.
KMeans kmeans(const Tensor& rows, std::span<const int64> start, int64 iterations = 50);
/// The least inertia of `restarts` runs from starts by k-means++. Throws DataError unless 1 <= clusters <= N.
KMeans kmeans(const Tensor& rows, int64 clusters, Rng& rng, int64 iterations = 50, int64 restarts = 5);

/// The row of centroids (K,D) nearest to a point (D), by squared distance; the lowest of equals.
int64 nearest_row(const Tensor& centroids, const real* point);

}  // namespace gradus
