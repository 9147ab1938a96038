// Loader: the stream of batches of a data set, shuffled anew each epoch; prepared on a thread of its own where there is a
// processor for it, else by all threads between two steps.
//
//   Loader loader(data.train, {.batch_size = 64, .shuffle = true, .seed = 0});
//   for (int64 epoch = 0; epoch < epochs; ++epoch)
//     for (Batch b; loader.next(b);) train_on(b);
//
// The order of epoch e is Rng(seed).fork("shuffle").fork(e).permutation(size): it depends on seed and epoch
// only, so a loader can start at any batch of any epoch and gives the same batches for any number of threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "core/rng.h"
#include "data/augment.h"
#include "data/batch.h"
#include "data/dataset.h"

namespace gradus {

struct LoaderOptions {
  int64 batch_size = 64;
  bool shuffle = false;  ///< text: windows from random positions; else examples (windows) in order
  /// With shuffle, of labelled sets: every class has the same share of an epoch's places, rare ones by being taken again. An
  /// epoch is as long as ever, so of frequent classes some examples wait for another epoch.
  bool balanced = false;
  bool drop_last = false;  ///< leave out the last batch of an epoch where it is smaller
  std::uint64_t seed = 0;  ///< of the order and of the augmentation
  /// Batches prepared ahead on a thread of its own; 0: none, no thread. By default two if the process has more
  /// processors than threads(), else none: a thread without a processor of its own takes its time from one of
  /// those that train, and the others wait for that one.
  std::optional<int64> prefetch{};
  Augmentation augment{};  ///< applied to normalised examples
};

class Loader {
 public:
  /// Throws UsageError for batch_size < 1, an empty epoch (drop_last with more than the set holds), and for balanced
  /// classes without labels or without shuffling.
  Loader(DatasetPtr data, LoaderOptions options, DataPosition start = {});
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch; false, without a batch, once behind the last one of each epoch. The call after that
  /// begins the next epoch. Rethrows what preparing the batch threw.
  /// `units`: batches that are handed out as one, as far as the epoch has them (sizes that change: batch_size 1).
  bool next(Batch& out, int64 units = 1);
  /// Where the next batch comes from; save it to resume. Behind the last batch of an epoch it is the start of
  /// the next.
  DataPosition position() const { return position_; }
  /// Goes on from there. Throws UsageError for a position outside of an epoch.
  void seek(DataPosition position);

  int64 batches_per_epoch() const { return batches_; }
  const Dataset& dataset() const { return *data_; }
  const LoaderOptions& options() const { return options_; }

  /// Batch number position.batch of epoch position.epoch, computed here and now.
  Batch make(DataPosition position) const;

 private:
  std::vector<int64> order(int64 epoch) const;
  std::vector<int64> balanced_order(Rng rng) const;
  /// `share`: by all threads.
  Batch collate(const std::vector<int64>& order, DataPosition position, int64 units, bool share) const;
  /// Where the examples of a batch go; what it has none of is null.
  struct Target {
    int64 epoch;
    const int64* index;
    real *x, *targets;
    int64 *tokens, *y;
  };
  /// Fills in the examples begin..end-1.
  void read(const Target& to, int64 begin, int64 end) const;
  DataPosition after(DataPosition p, int64 units) const;
  void start();
  void stop();
  void work(DataPosition from);

  DatasetPtr data_;
  LoaderOptions options_;
  PixelScale scale_;
  int64 prefetch_ = 0;
  int64 batches_ = 0;
  int64 units_ = 1;  // of the last next(); what the thread prepares
  DataPosition position_;
  bool at_end_ = false;  // the epoch's end is to be reported before the next batch

  std::vector<int64> order_;  // without a thread: the order of epoch order_epoch_
  int64 order_epoch_ = -1;
  std::vector<std::vector<int64>> by_class_;  // examples of each class that occurs, where balanced

  std::thread worker_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::deque<Batch> queue_;   // guarded by mutex_
  std::exception_ptr error_;  // guarded by mutex_
  bool stopping_ = false;     // guarded by mutex_
};

}  // namespace gradus
