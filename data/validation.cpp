#include "data/validation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "data/views.h"

namespace gradus {
namespace {

constexpr int64 kMostExamples = 5000;

// `count` tokens of a text from token `first` on.
class TextPart : public Dataset {
 public:
  TextPart(DatasetPtr base, int64 first, int64 count)
      : Dataset(base->info()), base_(std::move(base)), first_(first), count_(count) {}
  int64 size() const override { return (count_ - 1) / info_.example[0]; }
  int64 starts() const override { return count_ - info_.example[0]; }
  void read_window(int64 start, int64* tokens, int64* next) const override {
    base_->read_window(first_ + start, tokens, next);
  }

 private:
  DatasetPtr base_;
  int64 first_, count_;
};

int64 tokens_of(const Dataset& text) { return text.starts() + text.info().example[0]; }

// The last `held` tokens apart from the others: the rest, and these.
std::pair<DatasetPtr, DatasetPtr> cut_text(const DatasetPtr& text, int64 held) {
  const int64 rest = tokens_of(*text) - held;
  return {std::make_shared<TextPart>(text, 0, rest), std::make_shared<TextPart>(text, rest, held)};
}

Data split_text(const DatasetPtr& train) {
  const int64 window = train->info().example[0], tokens = tokens_of(*train);
  const int64 held = std::max(tokens / 10, window + 1);
  if (tokens - held <= window)
    fail<UsageError>("data set {}: {} tokens are too few for a validation split with windows of {}",
                     train->info().name, tokens, window);
  const auto [rest, end] = cut_text(train, held);
  return {rest, end};
}

// All examples in random order, but one class after the other: every k-th of them is a k-th of each class. A class's only
// example is left out.
std::vector<int64> class_by_class(const Dataset& data) {
  const DatasetInfo& info = data.info();
  std::vector<std::vector<int64>> classes(static_cast<std::size_t>(info.targets ? 1 : info.classes));
  for (int64 i = 0; i < data.size(); ++i)
    classes[info.targets ? 0 : static_cast<std::size_t>(data.label(i))].push_back(i);
  std::vector<int64> all;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto n = static_cast<int64>(classes[c].size());
    if (n < 2) continue;
    for (const int64 k : Rng(0).fork("hold-out").fork(c).permutation(n))
      all.push_back(classes[c][static_cast<std::size_t>(k)]);
  }
  return all;
}

}  // namespace

Data validation_split(const Data& data) {
  const DatasetPtr& train = data.train;
  if (data.info().kind == DataKind::kText) return split_text(train);
  const int64 n = train->size(), held = std::min(n / 5, kMostExamples);
  if (held < 1)
    fail<UsageError>("data set {}: {} examples are too few for a validation split", data.info().name, n);
  std::vector<int64> order = Rng(0).fork("validation").permutation(n);
  std::sort(order.begin(), order.begin() + held);
  std::sort(order.begin() + held, order.end());
  return {subset(train, {order.begin() + held, order.end()}),
          subset(train, {order.begin(), order.begin() + held})};
}

HeldOut hold_out(const DatasetPtr& train, double part) {
  constexpr int64 kLeast = 30;
  const auto share = [&](int64 n) { return static_cast<int64>(part * static_cast<double>(n) + 1e-9); };
  if (train->info().kind == DataKind::kText) {
    const int64 window = train->info().example[0], tokens = tokens_of(*train);
    const int64 held = std::min(share(tokens), kMostExamples * window + 1);
    if ((held - 1) / window < kLeast || tokens - held <= window) return {train, nullptr};
    const auto [rest, end] = cut_text(train, held);
    return {rest, end};
  }
  const int64 held = std::min(share(train->size()), kMostExamples);
  if (held < kLeast) return {train, nullptr};
  const std::vector<int64> all = class_by_class(*train);
  const auto n = static_cast<int64>(all.size());
  if (held >= n) return {train, nullptr};
  std::vector<bool> taken(static_cast<std::size_t>(train->size()));
  for (int64 i = 0; i < n; ++i)
    taken[static_cast<std::size_t>(all[static_cast<std::size_t>(i)])] = (i + 1) * held / n > i * held / n;
  std::vector<int64> rest, chosen;
  for (int64 i = 0; i < train->size(); ++i) (taken[static_cast<std::size_t>(i)] ? chosen : rest).push_back(i);
  return {subset(train, std::move(rest)), subset(train, std::move(chosen))};
}

}  // namespace gradus
