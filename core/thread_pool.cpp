#include "core/thread_pool.h"

#include <system_error>
#include <thread>
#include <utility>

#include "core/spin.h"

namespace gradus::detail {
namespace {

thread_local bool in_loop = false;

// Some tenths of a millisecond: longer than what lies between two loops of a step. With more threads than processors,
// whoever spins takes the time of the one he waits for.
int spins_for(int64 threads) {
  constexpr int kSpins = 10000;
  static const auto processors = static_cast<int64>(std::thread::hardware_concurrency());
  return threads <= processors ? kSpins : 0;
}

}  // namespace

void Signal::wait_while(std::uint32_t old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value_.load(std::memory_order_acquire) != old) return;
    spin_pause();
  }
  // In one order for both sides: either raise() sees this, or wait() sees its value.
  asleep_.store(true);
  value_.wait(old);
  asleep_.store(false);
}

bool ThreadPool::inside() { return in_loop; }

void ThreadPool::work(Worker& worker) {
  in_loop = true;
  int spins = 0;
  for (std::uint32_t seen = 0;; ++seen) {
    worker.start.wait_while(seen, spins);
    spins = spins_for(worker.loop.parts);
    worker.loop.part(worker.part);
    worker.done.raise(seen + 1);
  }
}

bool ThreadPool::start(int64 count) {
  while (std::ssize(workers_) < count) {
    auto worker = std::make_unique<Worker>();
    try {
      std::thread([&self = *worker] { work(self); }).detach();
    } catch (const std::system_error&) {
      return false;  // the system gives no more threads
    }
    workers_.push_back(std::move(worker));
  }
  return true;
}

void ThreadPool::run(const Loop& loop) {
  const auto alone = [&] {
    for (int64 i = 0; i < loop.parts; ++i) loop.part(i);
  };
  if (in_loop) return alone();
  const std::unique_lock lock(busy_, std::try_to_lock);
  if (!lock.owns_lock() || !start(loop.parts - 1)) return alone();
  in_loop = true;
  for (int64 i = 1; i < loop.parts; ++i) {
    Worker& worker = *workers_[static_cast<size_t>(i - 1)];
    worker.loop = loop;
    worker.part = i;
    worker.start.raise(++worker.loops);
  }
  loop.part(0);
  for (int64 i = 1; i < loop.parts; ++i) {
    Worker& worker = *workers_[static_cast<size_t>(i - 1)];
    worker.done.wait_while(worker.loops - 1, spins_for(loop.parts));
  }
  in_loop = false;
}

}  // namespace gradus::detail
