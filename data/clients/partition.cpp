// Papers: McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017,
//         arXiv 1602.05629 (iid, shards);
//         Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification",
//         2019, arXiv 1909.06335 (dirichlet, equal sizes);
//         Yurochkin et al., "Bayesian Nonparametric Federated Learning of Neural Networks", ICML 2019, arXiv 1905.12022
//         (dirichlet, sizes as they fall).
// dirichlet, balanced: client c wants class k with probability q_ck, q_c ~ Dirichlet(alpha), for each of its n/clients
// examples; classes that have run out are passed over. Clients choose in turns, an example each, in an order drawn anew each
// turn, so that no client is left with the rest of all others (in the paper one client after the other is served).
// dirichlet, balanced=false: the examples of class k are cut at shares ~ Dirichlet(alpha) over the clients.
#include "data/clients/partition.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/error.h"

namespace gradus {
namespace {

std::uint64_t key(int64 i) { return static_cast<std::uint64_t>(i); }
size_t at(int64 i) { return static_cast<size_t>(i); }

struct Iid {
  static constexpr bool kLabels = false;
  struct Options {
    void visit(auto&&) {}
  };
  static Partition make(const Options&, const PartitionTask& task) {
    const std::vector<int64> order = Rng(task.rng).permutation(task.examples);
    Partition parts;
    auto next = order.begin();
    for (const int64 size : equal_sizes(task.examples, task.clients)) {
      parts.emplace_back(next, next + size);
      next += size;
    }
    return parts;
  }
};

struct Shards {
  static constexpr bool kLabels = true;
  struct Options {
    int64 per_client = 2;
    void visit(auto&& f) {
      f("per_client", per_client, "pieces of the examples sorted by label that each client gets",
        at_least(1));
    }
  };
  static Partition make(const Options& o, const PartitionTask& task) {
    if (o.per_client > task.examples / task.clients)
      fail<UsageError>("partition shards: {} examples give {} clients no {} pieces each", task.examples,
                       task.clients, o.per_client);
    std::vector<int64> sorted(at(task.examples));
    std::iota(sorted.begin(), sorted.end(), int64{0});
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](int64 a, int64 b) { return task.labels[at(a)] < task.labels[at(b)]; });
    const int64 pieces = task.clients * o.per_client;
    const std::vector<int64> sizes = equal_sizes(task.examples, pieces);
    std::vector<int64> starts(sizes.size());
    std::exclusive_scan(sizes.begin(), sizes.end(), starts.begin(), int64{0});
    const std::vector<int64> order = Rng(task.rng).permutation(pieces);
    Partition parts(at(task.clients));
    for (int64 i = 0; i < pieces; ++i) {
      const auto piece = at(order[at(i)]);
      const auto begin = sorted.begin() + starts[piece];
      auto& part = parts[at(i / o.per_client)];
      part.insert(part.end(), begin, begin + sizes[piece]);
    }
    return parts;
  }
};

// The examples of each class in a random order.
std::vector<std::vector<int64>> shuffled_classes(const PartitionTask& task) {
  std::vector<std::vector<int64>> classes(at(task.classes));
  for (const int64 i : Rng(task.rng).fork("order").permutation(task.examples))
    classes[at(task.labels[at(i)])].push_back(i);
  return classes;
}

struct DirichletPartition {
  static constexpr bool kLabels = true;
  struct Options {
    double alpha = 0.1;
    bool balanced = true;
    void visit(auto&& f) {
      f("alpha", alpha, "small: few classes a client; large: all alike", between(1e-6, 1e6));
      f("balanced", balanced, "clients of equal size; else sizes differ and may be zero");
    }
  };
  static Partition make(const Options& o, const PartitionTask& task) {
    return o.balanced ? equal(o, task) : cut(o, task);
  }

 private:
  static Partition equal(const Options& o, const PartitionTask& task) {
    std::vector<std::vector<int64>> classes = shuffled_classes(task);
    const std::vector<int64> sizes = equal_sizes(task.examples, task.clients);
    std::vector<std::vector<double>> shares;
    std::vector<Rng> draws;
    for (int64 c = 0; c < task.clients; ++c) {
      shares.push_back(dirichlet(o.alpha, task.classes, task.rng.fork("shares").fork(key(c))));
      draws.push_back(task.rng.fork("choice").fork(key(c)));
    }
    Partition parts(at(task.clients));
    for (int64 turn = 0; turn < sizes[0]; ++turn)
      for (const int64 c : task.rng.fork("turn").fork(key(turn)).permutation(task.clients)) {
        if (turn >= sizes[at(c)]) continue;
        std::vector<int64>& from = classes[at(choose(shares[at(c)], classes, draws[at(c)]))];
        parts[at(c)].push_back(from.back());
        from.pop_back();
      }
    return parts;
  }

  // A class that is left, by its share; if only classes of share 0 are left, by how much is left of each.
  static int64 choose(const std::vector<double>& shares, const std::vector<std::vector<int64>>& left,
                      Rng& rng) {
    double all = 0;
    for (size_t k = 0; k < left.size(); ++k) all += left[k].empty() ? 0 : shares[k];
    const bool by_share = all > 0;
    const auto weight = [&](size_t k) {
      return by_share ? (left[k].empty() ? 0 : shares[k]) : static_cast<double>(left[k].size());
    };
    if (!by_share)
      for (size_t k = 0; k < left.size(); ++k) all += weight(k);
    double u = rng.uniform() * all;
    std::optional<size_t> last;
    for (size_t k = 0; k < left.size(); ++k) {
      if (weight(k) <= 0) continue;
      last = k;
      if ((u -= weight(k)) < 0) break;
    }
    return static_cast<int64>(*last);
  }

  static Partition cut(const Options& o, const PartitionTask& task) {
    Partition parts(at(task.clients));
    const std::vector<std::vector<int64>> classes = shuffled_classes(task);
    for (size_t k = 0; k < classes.size(); ++k) {
      const std::vector<double> shares =
          dirichlet(o.alpha, task.clients, task.rng.fork("shares").fork(key(static_cast<int64>(k))));
      const auto n = static_cast<double>(classes[k].size());
      double sum = 0;
      auto begin = classes[k].begin();
      for (int64 c = 0; c < task.clients; ++c) {
        sum += shares[at(c)];
        const auto end = c + 1 == task.clients ? classes[k].end()
                                               : classes[k].begin() + std::min<int64>(std::llround(sum * n),
                                                                                      std::ssize(classes[k]));
        parts[at(c)].insert(parts[at(c)].end(), begin, std::max(begin, end));
        begin = std::max(begin, end);
      }
    }
    return parts;
  }
};

// log of a Gamma(alpha, 1) draw. Marsaglia, Tsang, "A Simple Method for Generating Gamma Variables", 2000; for alpha < 1,
// Gamma(alpha) = Gamma(alpha + 1) * U^(1/alpha).
double log_gamma_draw(double alpha, Rng& rng) {
  if (alpha < 1) {
    const double u = 1 - rng.uniform();  // in (0, 1]
    return log_gamma_draw(alpha + 1, rng) + std::log(u) / alpha;
  }
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root, u = 1 - rng.uniform();
    if (std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

template <class P>
PartitionEntry partition_entry(std::string name, std::string summary, std::string paper) {
  PartitionEntry entry{std::move(name),
                       std::move(summary),
                       std::move(paper),
                       P::kLabels,
                       describe_options<typename P::Options>(),
                       {}};
  entry.make = [name = entry.name](const OptionList& given, const PartitionTask& task) {
    typename P::Options options;
    set_options(options, given, "partition " + name);
    return P::make(options, task);
  };
  return entry;
}

}  // namespace

std::vector<int64> equal_sizes(int64 n, int64 parts) {
  std::vector<int64> sizes(at(parts), n / parts);
  for (int64 i = 0; i < n % parts; ++i) ++sizes[at(i)];
  return sizes;
}

std::vector<double> dirichlet(double alpha, int64 n, Rng rng) {
  std::vector<double> shares(at(n));
  for (double& share : shares) share = log_gamma_draw(alpha, rng);
  const double most = *std::max_element(shares.begin(), shares.end());
  double sum = 0;
  for (double& share : shares) sum += share = std::exp(share - most);
  for (double& share : shares) share /= sum;
  return shares;
}

const std::vector<PartitionEntry>& partitions() {
  static const std::vector<PartitionEntry> table = {
      partition_entry<Iid>("iid", "examples at random, equal sizes",
                           "McMahan et al., AISTATS 2017, arXiv 1602.05629"),
      partition_entry<Shards>("shards", "a few pieces each of the examples sorted by label",
                              "McMahan et al., AISTATS 2017, arXiv 1602.05629"),
      partition_entry<DirichletPartition>(
          "dirichlet", "label shares of each client from a Dirichlet distribution",
          "Hsu, Qi, Brown, 2019, arXiv 1909.06335; balanced=false: Yurochkin et "
          "al., ICML 2019, arXiv 1905.12022"),
  };
  return table;
}

Partition make_partition(std::string_view text, const Dataset& data, int64 clients, std::uint64_t seed) {
  const Spec spec = parse_spec(text);
  const DatasetInfo& info = data.info();
  if (clients < 1) fail<UsageError>("partition {}: needs at least one client, not {}", spec.name, clients);
  if (info.kind == DataKind::kText)
    fail<UsageError>("partition {}: data set {} is text, whose windows overlap", spec.name, info.name);
  std::vector<std::string> names;
  for (const PartitionEntry& entry : partitions()) {
    names.push_back(entry.name);
    if (entry.name != spec.name) continue;
    if (!spec.inner.empty())
      fail<UsageError>("partition {}: '({})' has no meaning here", entry.name, spec.inner);
    if (entry.needs_labels && info.classes < 1)
      fail<UsageError>("partition {}: data set {} has no labels; iid needs none", entry.name, info.name);
    std::vector<int64> labels;
    for (int64 i = 0; info.classes > 0 && i < data.size(); ++i) labels.push_back(data.label(i));
    Partition parts = entry.make(spec.options, {.labels = labels,
                                                .examples = data.size(),
                                                .classes = info.classes,
                                                .clients = clients,
                                                .rng = Rng(seed).fork("partition")});
    for (auto& part : parts) std::sort(part.begin(), part.end());
    return parts;
  }
  throw UsageError(unknown_name("partition", spec.name, names));
}

std::vector<std::vector<int64>> label_counts(const Partition& partition, const Dataset& data) {
  std::vector<std::vector<int64>> counts;
  if (data.info().classes < 1) return counts;
  for (const auto& part : partition) {
    auto& count = counts.emplace_back(at(data.info().classes), 0);
    for (const int64 i : part) ++count[at(data.label(i))];
  }
  return counts;
}

}  // namespace gradus
