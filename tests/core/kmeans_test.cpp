#include "core/kmeans.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace gradus::kmeans_tests {

TEST_CASE("kmeans: Lloyd's rounds by hand, ties, empty clusters") {
  const Tensor rows = Tensor::from({4, 1}, {0, 1, 10, 12});
  const std::vector<int64> start{0, 1};
  const KMeans two = kmeans(rows, start);
  CHECK(two.labels == std::vector<int64>{0, 0, 1, 1});
  CHECK(two.centroids.values() == std::vector<real>{real(0.5), 11});
  CHECK(two.inertia == doctest::Approx(2.5));
  // One round: labels by the starts, means of these.
  const KMeans one = kmeans(rows, start, 1);
  CHECK(one.labels == std::vector<int64>{0, 1, 1, 1});
  CHECK(one.centroids.data()[1] == doctest::Approx(23.0 / 3));
  const KMeans none = kmeans(rows, start, 0);
  CHECK(none.labels == std::vector<int64>{0, 1, 1, 1});
  CHECK(none.centroids.values() == std::vector<real>{0, 1});
  // Twice the same start: after a round the second cluster is empty and has kept its centroid.
  const KMeans empty = kmeans(Tensor::from({2, 1}, {0, 4}), std::vector<int64>{0, 0}, 1);
  CHECK(empty.labels == std::vector<int64>{0, 0});
  CHECK(empty.centroids.values() == std::vector<real>{2, 0});
  CHECK_THROWS_AS(kmeans(rows, std::vector<int64>{4}), DataError);
  CHECK_THROWS_AS(kmeans(rows, std::vector<int64>{}), DataError);
}

TEST_CASE("kmeans: starts by k-means++ find separate groups") {
  Rng rng(1);
  Tensor rows({30, 2});
  for (int64 i = 0; i < 30; ++i) {
    rows.mutable_data()[2 * i] = static_cast<real>(10 * (i % 3) + 0.1 * rng.normal());
    rows.mutable_data()[2 * i + 1] = static_cast<real>(0.1 * rng.normal());
  }
  const KMeans found = kmeans(rows, 3, rng);
  for (size_t i = 0; i < 30; ++i) CHECK(found.labels[i] == found.labels[i % 3]);
  CHECK(found.inertia < 2);
  CHECK(kmeans(Tensor::zeros({3, 2}), 2, rng).inertia == 0);
  CHECK_THROWS_AS(kmeans(rows, 31, rng), DataError);
}

}  // namespace gradus::kmeans_tests
