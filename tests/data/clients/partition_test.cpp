// Partitions: every example at one client, sizes, determinism, label skew, refusals.
#include "data/clients/partition.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "data/registry.h"
#include "data/vectors.h"

using namespace gradus;

namespace {

// n vectors of one number; labels cycle through the classes, unevenly if asked.
DatasetPtr labelled(int64 n, int64 classes, bool uneven = false) {
  DatasetInfo info{.name = "labelled", .kind = DataKind::kVectors, .example = {1}, .classes = classes};
  IntTensor y({n});
  for (int64 i = 0; i < n; ++i) y.mutable_data()[i] = uneven ? (i % 7 ? 0 : i % classes) : i % classes;
  return std::make_shared<VectorSet>(info, Tensor::zeros({n, 1}), y);
}

void check_once(const Partition& parts, int64 n) {
  std::vector<int64> all;
  for (const auto& part : parts) {
    CHECK(std::is_sorted(part.begin(), part.end()));
    all.insert(all.end(), part.begin(), part.end());
  }
  std::sort(all.begin(), all.end());
  std::vector<int64> expected(static_cast<size_t>(n));
  std::iota(expected.begin(), expected.end(), int64{0});
  CHECK(all == expected);
}

std::vector<int64> sizes_of(const Partition& parts) {
  std::vector<int64> sizes;
  for (const auto& part : parts) sizes.push_back(std::ssize(part));
  return sizes;
}

// Mean over clients of the share of the most frequent label.
double largest_share(const Partition& parts, const Dataset& data) {
  double sum = 0, clients = 0;
  for (const auto& counts : label_counts(parts, data)) {
    const auto n = std::accumulate(counts.begin(), counts.end(), int64{0});
    if (n == 0) continue;
    sum += static_cast<double>(*std::max_element(counts.begin(), counts.end())) / static_cast<double>(n);
    ++clients;
  }
  return sum / clients;
}

}  // namespace

TEST_CASE(
    "partitions: every example is at exactly one client, the same for the same seed, another for another") {
  for (const char* spec :
       {"iid", "shards", "shards:per_client=3", "dirichlet", "dirichlet:alpha=0.1", "dirichlet:alpha=1e-6",
        "dirichlet:alpha=100", "dirichlet:alpha=0.1,balanced=false"})
    for (const bool uneven : {false, true})
      for (const auto& [n, clients] : {std::pair<int64, int64>{1003, 10}, {600, 7}, {50, 1}}) {
        CAPTURE(spec);
        CAPTURE(uneven);
        CAPTURE(clients);
        const DatasetPtr data = labelled(n, 5, uneven);
        const Partition parts = make_partition(spec, *data, clients, 4);
        CHECK(std::ssize(parts) == clients);
        check_once(parts, n);
        CHECK(make_partition(spec, *data, clients, 4) == parts);
        if (clients > 1) CHECK(make_partition(spec, *data, clients, 5) != parts);
        if (std::string(spec).find("balanced=false") == std::string::npos && spec[0] != 's')
          CHECK(sizes_of(parts) == equal_sizes(n, clients));
      }
}

TEST_CASE("partitions: equal sizes differ by one at most, clients beyond the examples are empty") {
  CHECK(equal_sizes(11, 4) == std::vector<int64>{3, 3, 3, 2});
  CHECK(equal_sizes(2, 4) == std::vector<int64>{1, 1, 0, 0});
  const DatasetPtr data = labelled(3, 2);
  for (const char* spec : {"iid", "dirichlet:alpha=0.5", "dirichlet:alpha=0.5,balanced=false"}) {
    const Partition parts = make_partition(spec, *data, 8, 0);
    check_once(parts, 3);
    CHECK(std::count_if(parts.begin(), parts.end(), [](const auto& p) { return p.empty(); }) >= 5);
  }
}

TEST_CASE("partition shards: few labels a client, pieces of the sorted examples") {
  const DatasetPtr data = labelled(1000, 10);  // 100 of each label
  const Partition parts = make_partition("shards:per_client=2", *data, 50, 1);
  for (const auto& counts : label_counts(parts, *data)) {
    CHECK(std::accumulate(counts.begin(), counts.end(), int64{0}) == 20);
    CHECK(std::count_if(counts.begin(), counts.end(), [](int64 n) { return n > 0; }) <= 2);
    for (const int64 n : counts) CHECK(n % 10 == 0);  // pieces of ten do not cross labels here
  }
}

TEST_CASE("partition dirichlet: skew falls with alpha; unbalanced sizes differ") {
  const DatasetPtr data = labelled(6000, 10);
  const auto skew = [&](const char* spec) {
    return largest_share(make_partition(spec, *data, 100, 2), *data);
  };
  const double small = skew("dirichlet:alpha=0.01"), middle = skew("dirichlet:alpha=0.1"),
               large = skew("dirichlet:alpha=1000");
  CHECK(small > 0.75);
  CHECK(middle > 0.45);
  CHECK(middle < small);
  CHECK(large < 0.25);
  const auto sizes = sizes_of(make_partition("dirichlet:alpha=0.1,balanced=false", *data, 100, 2));
  CHECK(*std::max_element(sizes.begin(), sizes.end()) > 2 * 60);
  CHECK(*std::min_element(sizes.begin(), sizes.end()) < 30);
}

TEST_CASE("dirichlet: shares sum to one, have the distribution's mean and variance, and bear a tiny alpha") {
  for (const double alpha : {0.1, 0.5, 1.0, 3.0}) {
    CAPTURE(alpha);
    double sum = 0, squares = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const auto shares = dirichlet(alpha, 4, Rng(9).fork(static_cast<std::uint64_t>(i)));
      CHECK(std::accumulate(shares.begin(), shares.end(), 0.0) == doctest::Approx(1).epsilon(1e-12));
      sum += shares[1], squares += shares[1] * shares[1];
    }
    const double mean = sum / kDraws, variance = squares / kDraws - mean * mean;
    CHECK(mean == doctest::Approx(0.25).epsilon(0.03));
    CHECK(variance == doctest::Approx(0.25 * 0.75 / (4 * alpha + 1)).epsilon(0.04));
  }
  const auto tiny = dirichlet(1e-6, 5, Rng(1));
  CHECK(*std::max_element(tiny.begin(), tiny.end()) == 1);
}

TEST_CASE("partitions: what is refused") {
  const DatasetPtr data = labelled(20, 4);
  CHECK_THROWS_WITH_AS(make_partition("dirichelt", *data, 4, 0),
                       doctest::Contains("did you mean 'dirichlet'"), UsageError);
  CHECK_THROWS_WITH_AS(make_partition("dirichlet:beta=1", *data, 4, 0),
                       doctest::Contains("partition dirichlet"), UsageError);
  CHECK_THROWS_AS(make_partition("dirichlet:alpha=0", *data, 4, 0), UsageError);
  CHECK_THROWS_AS(make_partition("iid", *data, 0, 0), UsageError);
  CHECK_THROWS_AS(make_partition("shards:per_client=6", *data, 4, 0), UsageError);
  CHECK_THROWS_AS(make_partition("iid(shards)", *data, 4, 0), UsageError);
  DatasetInfo info{.name = "numbers", .kind = DataKind::kVectors, .example = {1}, .targets = 1};
  const VectorSet numbers(info, Tensor::zeros({9, 1}), Tensor::zeros({9, 1}));
  CHECK_THROWS_WITH_AS(make_partition("dirichlet", numbers, 3, 0), doctest::Contains("no labels"),
                       UsageError);
  const Partition parts = make_partition("iid", numbers, 3, 0);
  check_once(parts, 9);
  CHECK(label_counts(parts, numbers).empty());
}
