// The candidates: each one proposes its best example that nobody has taken.
#include <algorithm>
#include <numeric>

#include "apps/active/strategy.h"
#include "core/error.h"
#include "data/selection/candidate_order.h"
#include "data/selection/galaxy.h"
#include "data/selection/gradient_embedding.h"

namespace gradus {
namespace {

// From the front of a list that is long enough, since at most `count` are taken.
class ListCandidate final : public Candidate {
 public:
  ListCandidate(std::vector<int64> order, const PoolView& pool)
      : order_(std::move(order)), taken_(pool.labelled) {}
  int64 next(Rng&) override {
    while (at_ < order_.size() && taken_[static_cast<size_t>(order_[at_])]) ++at_;
    return at_ < order_.size() ? order_[at_] : -1;
  }
  void taken(int64 item, int64) override { taken_[static_cast<size_t>(item)] = 1; }

 private:
  std::vector<int64> order_;
  std::vector<char> taken_;
  size_t at_ = 0;
};

class GalaxyCandidate final : public Candidate {
 public:
  GalaxyCandidate(const PoolView& pool, int64 class_index)
      : class_(class_index),
        galaxy_(pool.preds, class_index, false, of_class(pool, class_index), pool.labelled) {}
  int64 next(Rng& rng) override {
    if (const int64 rank = galaxy_.informed_rank(); rank >= 0) return galaxy_.item_at(rank);
    std::vector<int64> left;
    for (int64 rank = 0; rank < galaxy_.size(); ++rank)
      if (!galaxy_.labelled_at(rank)) left.push_back(galaxy_.item_at(rank));
    return left.empty() ? -1 : left[static_cast<size_t>(rng.below(std::ssize(left)))];
  }
  void taken(int64 item, int64 label) override { galaxy_.mark(item, label == class_); }

 private:
  static std::vector<char> of_class(const PoolView& pool, int64 class_index) {
    std::vector<char> positive;
    for (const int64 label : pool.labels) positive.push_back(label == class_index);
    return positive;
  }
  int64 class_;
  Galaxy galaxy_;
};

class BadgeCandidate final : public Candidate {
 public:
  explicit BadgeCandidate(const PoolView& pool) : badge_(pool.preds, pool.embeddings, pool.labelled) {}
  int64 next(Rng& rng) override { return badge_.next(rng.uniform()); }
  void taken(int64 item, int64) override { badge_.take(item); }

 private:
  Badge badge_;
};

class CoreSetCandidate final : public Candidate {
 public:
  explicit CoreSetCandidate(const PoolView& pool) : distances_(CentreDistances::of_points(pool.embeddings)) {
    for (int64 i = 0; i < pool.size(); ++i)
      if (pool.labelled[static_cast<size_t>(i)]) distances_.add_centre(i);
  }
  int64 next(Rng&) override {
    int64 farthest = -1;
    for (int64 i = 0; i < distances_.size(); ++i)
      if (!distances_.is_centre(i) && (farthest < 0 || distances_[i] > distances_[farthest])) farthest = i;
    return farthest;
  }
  void taken(int64 item, int64) override { distances_.add_centre(item); }

 private:
  CentreDistances distances_;
};

}  // namespace

const std::vector<std::string>& single_candidates() {
  static const std::vector<std::string> names = {"random",  "confidence", "margin",
                                                 "entropy", "core-set",   "badge"};
  return names;
}
const std::vector<std::string>& class_candidates() {
  static const std::vector<std::string> names = {"mlp", "galaxy"};
  return names;
}

CandidatePtr make_candidate(const std::string& name, const PoolView& pool, int64 count, int64 class_index,
                            Rng& rng) {
  if (name == "badge") return std::make_unique<BadgeCandidate>(pool);
  if (name == "core-set") return std::make_unique<CoreSetCandidate>(pool);
  if (name == "galaxy") return std::make_unique<GalaxyCandidate>(pool, class_index);
  if (name == "random") return std::make_unique<ListCandidate>(rng.permutation(pool.size()), pool);
  if (std::find(single_candidates().begin(), single_candidates().end(), name) == single_candidates().end() &&
      name != "mlp") {
    std::vector<std::string> all = single_candidates();
    all.insert(all.end(), class_candidates().begin(), class_candidates().end());
    throw UsageError(unknown_name("candidate", name, all));
  }
  return std::make_unique<ListCandidate>(
      candidate_order(keys_of(name, pool.preds, class_index), pool.labelled, count), pool);
}

std::vector<int64> front_of(Candidate& candidate, const PoolView& pool, int64 count, Rng& rng) {
  std::vector<char> taken = pool.labelled;
  std::vector<int64> items;
  while (std::ssize(items) < count) {
    int64 item = candidate.next(rng);
    if (item < 0) item = any_left(taken);
    taken[static_cast<size_t>(item)] = 1;
    items.push_back(item);
    candidate.taken(item, -1);
  }
  return items;
}

int64 any_left(const std::vector<char>& taken) {
  const auto free = std::find(taken.begin(), taken.end(), char{0});
  if (free == taken.end()) fail<UsageError>("active learning: the pool has no example left");
  return free - taken.begin();
}

}  // namespace gradus
