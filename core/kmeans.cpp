#include "core/kmeans.h"

#include <limits>

#include "core/error.h"

namespace gradus {
namespace {

double squared_distance(const real* a, const real* b, int64 width) {
  double total = 0;
  for (int64 d = 0; d < width; ++d) {
    const double gap = static_cast<double>(a[d]) - static_cast<double>(b[d]);
    total += gap * gap;
  }
  return total;
}

void check_rows(const Tensor& rows) {
  if (rows.rank() != 2) fail<ShapeError>("kmeans: rows {}: needs (N,D)", rows.shape().str());
}

}  // namespace

int64 nearest_row(const Tensor& centroids, const real* point) {
  int64 best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int64 k = 0; k < centroids.dim(0); ++k) {
    const double d = squared_distance(point, centroids.data() + k * centroids.dim(1), centroids.dim(1));
    if (d < least) least = d, best = k;
  }
  return best;
}

KMeans kmeans(const Tensor& rows, std::span<const int64> start, int64 iterations) {
  check_rows(rows);
  const int64 n = rows.dim(0), width = rows.dim(1), clusters = std::ssize(start);
  if (!clusters) fail<DataError>("kmeans: no start");
  KMeans result{std::vector<int64>(static_cast<size_t>(n), -1), Tensor({clusters, width}), 0};
  for (int64 k = 0; k < clusters; ++k) {
    const int64 row = start[static_cast<size_t>(k)];
    if (row < 0 || row >= n) fail<DataError>("kmeans: start {} is not in 0..{}", row, n - 1);
    result.centroids.rows(k, k + 1).copy_from(rows.rows(row, row + 1));
  }
  for (int64 round = 0; round < iterations; ++round) {
    bool changed = false;
    for (int64 i = 0; i < n; ++i) {
      const int64 label = nearest_row(result.centroids, rows.data() + i * width);
      int64& old = result.labels[static_cast<size_t>(i)];
      changed |= label != old;
      old = label;
    }
    if (!changed) break;
    std::vector<double> sums(static_cast<size_t>(clusters * width), 0),
        counts(static_cast<size_t>(clusters), 0);
    for (int64 i = 0; i < n; ++i) {
      const int64 k = result.labels[static_cast<size_t>(i)];
      ++counts[static_cast<size_t>(k)];
      for (int64 d = 0; d < width; ++d)
        sums[static_cast<size_t>(k * width + d)] += static_cast<double>(rows.data()[i * width + d]);
    }
    real* c = result.centroids.mutable_data();
    for (int64 k = 0; k < clusters; ++k)
      if (const double members = counts[static_cast<size_t>(k)]; members > 0)
        for (int64 d = 0; d < width; ++d)
          c[k * width + d] = static_cast<real>(sums[static_cast<size_t>(k * width + d)] / members);
  }
  for (int64 i = 0; i < n; ++i) {
    int64& label = result.labels[static_cast<size_t>(i)];
    if (label < 0) label = nearest_row(result.centroids, rows.data() + i * width);  // no round at all
    result.inertia +=
        squared_distance(rows.data() + i * width, result.centroids.data() + label * width, width);
  }
  return result;
}

KMeans kmeans(const Tensor& rows, int64 clusters, Rng& rng, int64 iterations, int64 restarts) {
  check_rows(rows);
  const int64 n = rows.dim(0), width = rows.dim(1);
  if (clusters < 1 || clusters > n) fail<DataError>("kmeans: {} clusters of {} rows", clusters, n);
  KMeans best{{}, {}, std::numeric_limits<double>::infinity()};
  for (int64 run = 0; run < std::max<int64>(restarts, 1); ++run) {
    std::vector<int64> start{rng.below(n)};
    std::vector<double> distance(static_cast<size_t>(n), std::numeric_limits<double>::infinity());
    while (std::ssize(start) < clusters) {
      double total = 0;
      for (int64 i = 0; i < n; ++i) {
        double& d = distance[static_cast<size_t>(i)];
        d = std::min(d, squared_distance(rows.data() + i * width, rows.data() + start.back() * width, width));
        total += d;
      }
      double left = rng.uniform() * total;
      int64 row = 0;
      while (row + 1 < n && (left -= distance[static_cast<size_t>(row)]) >= 0) ++row;
      start.push_back(total > 0 ? row : rng.below(n));
    }
    KMeans one = kmeans(rows, start, iterations);
    if (one.inertia < best.inertia || best.labels.empty()) best = std::move(one);
  }
  return best;
}

}  // namespace gradus
