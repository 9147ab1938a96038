#include "data/selection/galaxy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace gradus {

Galaxy::Galaxy(const Tensor& preds, int64 class_index, bool multi_label, std::vector<char> positive,
               std::vector<char> labelled)
    : positive_(std::move(positive)), labelled_(std::move(labelled)) {
  if (preds.rank() != 2) fail<ShapeError>("galaxy: predictions (N,C), got {}", preds.shape().str());
  const int64 n = preds.dim(0), c = preds.dim(1);
  if (std::ssize(positive_) != n || std::ssize(labelled_) != n)
    fail<ShapeError>("galaxy: {} predictions, {} answers, {} marks", n, positive_.size(), labelled_.size());
  if (class_index < 0 || class_index >= c)
    fail<UsageError>("galaxy: there is no class {} of {}", class_index, c);
  std::vector<double> key;
  for (int64 i = 0; i < n; ++i) {
    const real* p = preds.data() + i * c;
    const auto own = static_cast<double>(p[class_index]),
               most = static_cast<double>(*std::max_element(p, p + c));
    key.push_back(multi_label ? own : own - most + 1e-8 * most);
  }
  order_.resize(static_cast<size_t>(n));
  std::iota(order_.begin(), order_.end(), int64{0});
  std::stable_sort(order_.begin(), order_.end(), [&](int64 a, int64 b) {
    return key[static_cast<size_t>(a)] < key[static_cast<size_t>(b)];
  });
}

int64 Galaxy::informed_rank() const {
  const int64 n = size();
  int64 shortest = n + 1, middle = -1;
  for (int64 rank = 0, before = -1; rank < n; ++rank) {
    if (!labelled_at(rank)) continue;
    const int64 run = rank - before - 1;
    if (before >= 0 && run > 0 && run < shortest && positive_at(before) != positive_at(rank)) {
      shortest = run;
      middle = before + 1 + run / 2;
    }
    before = rank;
  }
  if (middle >= 0) return middle;
  // The nearest unlabelled ranks to either side of each.
  const auto size = static_cast<size_t>(n);
  std::vector<int64> below(size, -1), above(size, -1);
  for (int64 rank = 0, last = -1; rank < n; ++rank) {
    below[static_cast<size_t>(rank)] = last;
    if (!labelled_at(rank)) last = rank;
  }
  for (int64 rank = n - 1, last = -1; rank >= 0; --rank) {
    above[static_cast<size_t>(rank)] = last;
    if (!labelled_at(rank)) last = rank;
  }
  int64 best = n + 1, choice = -1;
  const auto offer = [&](int64 rank, int64 distance) {
    if (rank >= 0 && distance <= best) best = distance, choice = rank;
  };
  for (int64 a = 0; a + 1 < n; ++a) {
    if (!labelled_at(a) || !labelled_at(a + 1) || positive_at(a) || !positive_at(a + 1)) continue;
    offer(below[static_cast<size_t>(a)], a - below[static_cast<size_t>(a)]);
    offer(above[static_cast<size_t>(a + 1)], above[static_cast<size_t>(a + 1)] - a - 1);
  }
  return choice;
}

}  // namespace gradus
