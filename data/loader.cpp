#include "data/loader.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/threads.h"

namespace gradus {

Loader::Loader(DatasetPtr data, LoaderOptions options, DataPosition start_at)
    : data_(std::move(data)), options_(std::move(options)), scale_(data_->info()) {
  const int64 b = options_.batch_size, n = data_->size();
  if (b < 1) fail<UsageError>("batch size: needs at least 1, not {}", b);
  batches_ = options_.drop_last ? n / b : (n + b - 1) / b;
  if (batches_ == 0)
    fail<UsageError>("data set {}: {} examples give no batch of {}", data_->info().name, n, b);
  if (!options_.augment.empty() && data_->info().kind != DataKind::kImages)
    fail<UsageError>("data set {}: augmentation is for images, not for {}", data_->info().name,
                     kind_name(data_->info().kind));
  if (options_.balanced) {
    if (data_->info().targets || data_->info().kind == DataKind::kText || !options_.shuffle)
      fail<UsageError>("data set {}: only classes that are shuffled can be balanced", data_->info().name);
    by_class_.resize(static_cast<std::size_t>(data_->info().classes));
    for (int64 i = 0; i < n; ++i) by_class_[static_cast<std::size_t>(data_->label(i))].push_back(i);
    std::erase_if(by_class_, [](const auto& examples) { return examples.empty(); });
  }
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  prefetch_ = options_.prefetch.value_or(processors > threads() ? 2 : 0);
  seek(start_at);
}

Loader::~Loader() { stop(); }

DataPosition Loader::after(DataPosition p, int64 units) const {
  return p.batch + units < batches_ ? DataPosition{p.epoch, p.batch + units} : DataPosition{p.epoch + 1, 0};
}

void Loader::seek(DataPosition p) {
  if (p.epoch < 0 || p.batch < 0 || p.batch >= batches_)
    fail<UsageError>("loader: no batch {} of epoch {}: an epoch has {} batches", p.batch, p.epoch, batches_);
  stop();
  position_ = p;
  at_end_ = false;
}

bool Loader::next(Batch& out, int64 units) {
  out = Batch{};  // gives its memory back before more is asked for
  if (units < 1) fail<UsageError>("loader: {} batches at a time", units);
  if (std::exchange(at_end_, false)) return false;
  if (units != units_) stop();  // what is prepared is of another size
  units_ = units;
  if (prefetch_ < 1) {
    if (order_epoch_ != position_.epoch) order_ = order(position_.epoch), order_epoch_ = position_.epoch;
    out = collate(order_, position_, units_, true);
  } else {
    if (!worker_.joinable()) start();
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return !queue_.empty() || error_; });
    if (queue_.empty()) {
      const std::exception_ptr error = error_;
      lock.unlock();
      stop();
      std::rethrow_exception(error);
    }
    out = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    room_.notify_one();
  }
  position_ = after(position_, units_);
  at_end_ = position_.batch == 0;
  return true;
}

void Loader::start() {
  worker_ = std::thread([this, from = position_] { work(from); });
}

void Loader::stop() {
  if (worker_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_one();
    worker_.join();
  }
  queue_.clear();
  error_ = nullptr;
  stopping_ = false;
}

void Loader::work(DataPosition p) {
  try {
    for (int64 epoch = p.epoch;; ++epoch) {
      const std::vector<int64> examples = order(epoch);
      for (; p.epoch == epoch; p = after(p, units_)) {
        Batch batch = collate(examples, p, units_, false);
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return stopping_ || static_cast<int64>(queue_.size()) < prefetch_; });
        if (stopping_) return;
        queue_.push_back(std::move(batch));
        lock.unlock();
        ready_.notify_one();
      }
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    ready_.notify_one();
  }
}

// Text that is shuffled draws where each window starts; everything else is a permutation of the examples.
std::vector<int64> Loader::order(int64 epoch) const {
  Rng rng = Rng(options_.seed).fork("shuffle").fork(static_cast<std::uint64_t>(epoch));
  const bool text = data_->info().kind == DataKind::kText;
  if (options_.balanced) return balanced_order(rng);
  if (options_.shuffle && !text) return rng.permutation(data_->size());
  std::vector<int64> order(static_cast<std::size_t>(data_->size()));
  if (options_.shuffle) {
    for (int64& start : order) start = rng.below(data_->starts());
  } else {
    std::iota(order.begin(), order.end(), int64{0});
    if (text)
      for (int64& start : order) start *= data_->info().example[0];
  }
  return order;
}

// The places of an epoch are dealt to the classes in turn, in random order; a class fills its own with its examples in random
// order, over and over.
std::vector<int64> Loader::balanced_order(Rng rng) const {
  const int64 n = data_->size(), classes = static_cast<int64>(by_class_.size());
  std::vector<int64> order(static_cast<std::size_t>(n));
  const std::vector<int64> places = rng.permutation(n), turn = rng.permutation(classes);
  for (int64 k = 0; k < classes; ++k) {
    const auto c = static_cast<std::size_t>(turn[static_cast<std::size_t>(k)]);
    Rng own = rng.fork("class").fork(c);
    std::vector<int64> deck;
    for (int64 place = k; place < n; place += classes) {
      if (deck.empty()) deck = own.permutation(static_cast<int64>(by_class_[c].size()));
      order[static_cast<std::size_t>(places[static_cast<std::size_t>(place)])] =
          by_class_[c][static_cast<std::size_t>(deck.back())];
      deck.pop_back();
    }
  }
  return order;
}

Batch Loader::make(DataPosition p) const { return collate(order(p.epoch), p, 1, true); }

Batch Loader::collate(const std::vector<int64>& order, DataPosition p, int64 units, bool share) const {
  const DatasetInfo& info = data_->info();
  const int64 begin = p.batch * options_.batch_size;
  const int64 end = std::min(batches_ * options_.batch_size, static_cast<int64>(order.size()));
  const int64 n = units < batches_ - p.batch ? units * options_.batch_size : end - begin;
  const int64 one = info.example.numel();
  Batch batch;
  batch.position = p;
  batch.index = IntTensor::from(
      {n}, std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(n)));
  if (info.kind == DataKind::kText) {
    batch.tokens = IntTensor({n, one});
    batch.y = IntTensor({n, one});
  } else {
    std::vector<int64> dims{n};
    dims.insert(dims.end(), info.example.begin(), info.example.end());
    batch.x = Tensor(Shape(dims));
    if (info.targets)
      batch.targets = Tensor({n, info.targets});
    else
      batch.y = IntTensor({n});
  }
  const auto numbers = [](Tensor& t) { return t.defined() ? t.mutable_data() : nullptr; };
  const auto integers = [](IntTensor& t) { return t.defined() ? t.mutable_data() : nullptr; };
  const Target target{
      p.epoch,          batch.index.data(), numbers(batch.x), numbers(batch.targets), integers(batch.tokens),
      integers(batch.y)};
  if (!share) {
    read(target, 0, n);
  } else {
    // What reading throws may not leave the parallel loop: the error of the first part that has one does.
    std::mutex mutex;
    std::exception_ptr error;
    int64 at = n;
    parallel_for(n, std::max<int64>(1, kParallelGrain / std::max<int64>(1, one)), [&](int64 from, int64 to) {
      try {
        read(target, from, to);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (from < at) at = from, error = std::current_exception();
      }
    });
    if (error) std::rethrow_exception(error);
  }
  if (!options_.augment.empty()) options_.augment.apply_batch(batch, options_.seed, info);
  return batch;
}

void Loader::read(const Target& to, int64 begin, int64 end) const {
  const DatasetInfo& info = data_->info();
  const int64 one = info.example.numel();
  if (info.kind == DataKind::kText) {
    for (int64 i = begin; i < end; ++i) data_->read_window(to.index[i], to.tokens + i * one, to.y + i * one);
    return;
  }
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info.kind == DataKind::kImages ? one : 0));
  constexpr int64 kAhead = 4;
  for (int64 i = begin; i < std::min(begin + kAhead, end); ++i) data_->expect(to.index[i]);
  for (int64 i = begin; i < end; ++i) {
    const int64 example = to.index[i];
    if (i + kAhead < end) data_->expect(to.index[i + kAhead]);
    if (info.kind == DataKind::kImages) {
      data_->read_pixels(example, pixels.data());
      scale_.apply(pixels.data(), info.example, to.x + i * one);
      if (!options_.augment.empty())
        options_.augment.apply_example(to.x + i * one, {to.epoch, example, options_.seed, info});
    } else {
      data_->read_reals(example, to.x + i * one);
    }
    if (to.targets)
      data_->read_targets(example, to.targets + i * info.targets);
    else
      to.y[i] = data_->label(example);
  }
}

}  // namespace gradus
