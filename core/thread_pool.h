// The threads behind parallel_for. Internal to core/threads.cpp.
//
// A training step is hundreds of parallel loops of some microseconds each, so what a loop costs to start and to end
// matters: a waiting worker spins for a while before it sleeps, everything it needs to start comes with the one cache line
// it watches, and that it is done goes back on another. (libgomp's fork and join took 3.2 us here, these under 1.)
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/real.h"

namespace gradus::detail {

using RangeBody = void (*)(const void* body, int64 begin, int64 end);

/// body on parts 0, ..., parts-1 of 0..n-1, part i being [n*i/parts, n*(i+1)/parts).
struct Loop {
  RangeBody run = nullptr;
  const void* body = nullptr;
  int64 n = 0, parts = 0;
  void part(int64 i) const { run(body, n * i / parts, n * (i + 1) / parts); }
};

/// A number that one thread raises and another waits for.
class Signal {
 public:
  void raise(std::uint32_t value) {
    value_.store(value);
    if (asleep_.load()) value_.notify_one();
  }
  /// Returns once the number is not `old`: looks at it `spins` times, then sleeps.
  void wait_while(std::uint32_t old, int spins);

 private:
  std::atomic<std::uint32_t> value_{0};
  std::atomic<bool> asleep_{false};
};

/// Workers that are started when first needed and live as long as the process. One loop runs at a time; whoever comes
/// while it does, or from within it, runs the parts of his own loop himself, one after the other.
class ThreadPool {
 public:
  void run(const Loop& loop);
  /// Whether the calling thread is at work for a loop.
  static bool inside();

 private:
  struct Worker {
    alignas(64) Signal start;  // with what is to be done, on one line
    Loop loop;
    int64 part = 0;
    std::uint32_t loops = 0;  // given to this worker so far
    alignas(64) Signal done;
  };
  static void work(Worker& worker);
  /// Makes sure of so many workers; false if the system does not give them.
  bool start(int64 count);

  std::mutex busy_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace gradus::detail
