#include "core/thread_pool.h"

#include <time.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "core/spin.h"

namespace gradus::detail {
namespace {

thread_local bool in_loop = false;

// Some tenths of a millisecond: longer than what lies between two loops of a step.
constexpr int kSpins = 10000;
// After a part of that a thread that is waited for may have been halted.
constexpr int kPatience = 1500;

Crowding::Span time_of(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

bool Signal::turned(std::uint32_t old, int spins) const {
  for (int i = 0; i < spins; ++i) {
    if (value_.load(std::memory_order_acquire) != old) return true;
    spin_pause();
  }
  return false;
}

void Signal::wait_while(std::uint32_t old, int spins) {
  if (turned(old, spins)) return;
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
    spins = kSpins;
    worker.loop.share(worker.thread, worker.threads);
    worker.done.raise(seen + 1);
  }
}

bool ThreadPool::start(int64 count) {
  while (std::ssize(workers_) < count) {
    auto worker = std::make_unique<Worker>();
    try {
      std::thread thread([&self = *worker] { work(self); });
      pthread_getcpuclockid(thread.native_handle(), &worker->clock);
      thread.detach();
    } catch (const std::system_error&) {
      return false;  // the system gives no more threads
    }
    workers_.push_back(std::move(worker));
  }
  return true;
}

void ThreadPool::wait_for(Worker& worker) {
  const std::uint32_t before = worker.loops - 1;
  if (worker.done.turned(before, kPatience)) return;
  const auto begin = Crowding::Clock::now();
  const auto ran = time_of(worker.clock);
  worker.done.wait_while(before, kSpins - kPatience);
  crowding_.waited(begin, Crowding::Clock::now(), time_of(worker.clock) - ran);
}

void ThreadPool::run_timed(const Loop& loop) {
  double longest = 0;
  in_loop = true;
  for (int64 i = 0; i < loop.parts; ++i) {
    const auto begin = Crowding::Clock::now();
    loop.part(i);
    const double took = std::chrono::duration<double>(Crowding::Clock::now() - begin).count();
    times_->all_s += took;
    longest = std::max(longest, took);
  }
  in_loop = false;
  times_->longest_s += longest;
  ++times_->loops;
}

void ThreadPool::run(const Loop& loop) {
  if (in_loop) return loop.share(0, 1);
  if (times_) return run_timed(loop);
  const std::unique_lock lock(busy_, std::try_to_lock);
  if (!lock.owns_lock()) return loop.share(0, 1);
  in_loop = true;
  int64 threads = std::min(loop.parts, processors_);
  if (crowding_.alone(Crowding::Clock::now) || !start(threads - 1)) threads = 1;
  for (int64 i = 1; i < threads; ++i) {
    Worker& worker = *workers_[static_cast<size_t>(i - 1)];
    worker.loop = loop;
    worker.thread = i;
    worker.threads = threads;
    worker.start.raise(++worker.loops);
  }
  loop.share(0, threads);
  for (int64 i = 1; i < threads; ++i) wait_for(*workers_[static_cast<size_t>(i - 1)]);
  in_loop = false;
}

}  // namespace gradus::detail
