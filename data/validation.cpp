#include "data/validation.h"

#include <algorithm>

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

Data split_text(const DatasetPtr& train) {
  const int64 window = train->info().example[0], tokens = train->starts() + window;
  const int64 held = std::max(tokens / 10, window + 1);
  if (tokens - held <= window)
    fail<UsageError>("data set {}: {} tokens are too few for a validation split with windows of {}",
                     train->info().name, tokens, window);
  return {std::make_shared<TextPart>(train, 0, tokens - held),
          std::make_shared<TextPart>(train, tokens - held, held)};
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

}  // namespace gradus
