// Partitions: which client of a federation holds which examples of a data set.
//
//   const Partition parts = make_partition("dirichlet:alpha=0.1", *data.train, 100, seed);
//   parts[7]                                 // the examples of client 7, in ascending order; may be none
//
// Every example belongs to exactly one client. A partition is a function of the labels, the number of clients and the
// seed alone: draws are keyed by purpose and client or class, never taken in running order.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "data/dataset.h"

namespace gradus {

/// The examples of each client, ascending.
using Partition = std::vector<std::vector<int64>>;

/// What is divided among how many.
struct PartitionTask {
  std::span<const int64> labels;  ///< one an example; empty where the data have none
  int64 examples = 0, classes = 0, clients = 0;
  Rng rng;
};

struct PartitionEntry {
  std::string name, summary, paper;
  bool needs_labels = false;
  std::vector<OptionInfo> options;
  std::function<Partition(const OptionList&, const PartitionTask&)> make;
};

/// The table, in the order of lists and help.
const std::vector<PartitionEntry>& partitions();

/// "iid", "shards:per_client=2", "dirichlet:alpha=0.1". Throws UsageError for an unknown name (with the nearest), option or
/// value, for no client, for a partition by labels of data that have none and for text, whose windows overlap.
Partition make_partition(std::string_view spec, const Dataset& data, int64 clients, std::uint64_t seed);

/// Sizes of equal parts of n examples: the first n % parts of them have one more.
std::vector<int64> equal_sizes(int64 n, int64 parts);
/// n shares with sum 1 of the symmetric Dirichlet distribution, from gamma draws taken in logarithms, so that a small alpha
/// gives shares of zero, never 0/0.
std::vector<double> dirichlet(double alpha, int64 n, Rng rng);

/// How many examples of each class a client has (clients x classes); empty where the data have no labels.
std::vector<std::vector<int64>> label_counts(const Partition& partition, const Dataset& data);

}  // namespace gradus
