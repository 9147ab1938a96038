// The threads behind parallel_for. Internal to core/threads.cpp.
//
// A training step is hundreds of parallel loops of some microseconds each, so what a loop costs to start and to end
// matters: a waiting worker spins for a while before it sleeps, everything it needs to start comes with the one cache line
// it watches, and that it is done goes back on another. (libgomp's fork and join took 3.2 us here, these under 1.)
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/crowding.h"
#include "core/real.h"

namespace gradus::detail {

using RangeBody = void (*)(const void* body, int64 begin, int64 end);

/// body on parts 0, ..., parts-1 of 0..n-1, part i being [n*i/parts, n*(i+1)/parts).
struct Loop {
  RangeBody run = nullptr;
  const void* body = nullptr;
  int64 n = 0, parts = 0;
  void part(int64 i) const { run(body, n * i / parts, n * (i + 1) / parts); }
  /// Those of thread t of `threads`, one after the other.
  void share(int64 t, int64 threads) const {
    for (int64 i = parts * t / threads; i < parts * (t + 1) / threads; ++i) part(i);
  }
};

/// What loops took whose parts ran one after the other.
struct LoopTimes {
  int64 loops = 0;
  double all_s = 0, longest_s = 0;  // of all parts; of the longest part of each loop
};

/// A number that one thread raises and another waits for.
class Signal {
 public:
  void raise(std::uint32_t value) {
    value_.store(value);
    if (asleep_.load()) value_.notify_one();
  }
  /// Looks at it `spins` times; whether it is no longer `old`.
  bool turned(std::uint32_t old, int spins) const;
  /// Returns once the number is not `old`: looks at it `spins` times, then sleeps.
  void wait_while(std::uint32_t old, int spins);

 private:
  std::atomic<std::uint32_t> value_{0};
  std::atomic<bool> asleep_{false};
};

/// Workers that are started when first needed and live as long as the process, never more than there are processors: where a loop
/// has more parts, a thread runs several, one after the other. One loop runs at a time; whoever comes while it does, or from
/// within it, runs the parts of his own loop himself. So does a loop while other programs crowd the processors (crowding.h).
class ThreadPool {
 public:
  /// `processors`: threads that may be at work at once.
  explicit ThreadPool(int processors) : processors_(processors) {}
  void run(const Loop& loop);
  /// Whether the calling thread is at work for a loop.
  static bool inside();
  /// From now on all parts run on the calling thread, each timed; nullptr: no longer. For one thread at a time.
  void time_parts(LoopTimes* times) { times_ = times; }

 private:
  struct Worker {
    alignas(64) Signal start;  // with what is to be done, on one line
    Loop loop;
    int64 thread = 0, threads = 0;  // whose share
    std::uint32_t loops = 0;        // given to this worker so far
    alignas(64) Signal done;
    clockid_t clock{};  // the time it had a processor
  };
  static void work(Worker& worker);
  void wait_for(Worker& worker);
  void run_timed(const Loop& loop);
  /// Makes sure of so many workers; false if the system does not give them.
  bool start(int64 count);

  const int64 processors_;
  LoopTimes* times_ = nullptr;
  Crowding crowding_;  // under busy_
  std::mutex busy_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace gradus::detail
