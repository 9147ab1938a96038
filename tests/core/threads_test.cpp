#include "core/threads.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "core/error.h"
#include "core/spin.h"

using namespace gradus;

namespace {

// Restores the number of threads.
class Threads {
 public:
  explicit Threads(int n) { set_threads(n); }
  ~Threads() { set_threads(before_); }

 private:
  int before_ = threads();
};

// How often each of 0..n-1 was met.
std::vector<int> visits(int64 n, int64 grain) {
  std::vector<int> met(static_cast<size_t>(n));
  parallel_for(n, grain, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) ++met[static_cast<size_t>(i)];
  });
  return met;
}

}  // namespace

TEST_CASE("parallel_for: every index once, parts no shorter than the grain, for any number of threads") {
  for (const int n : {1, 2, 3, 7}) {
    const Threads some(n);
    for (const int64 count : {0, 1, 2, 3, 100, 1001})
      for (const int64 grain : {0, 1, 10, 600}) {
        CAPTURE(n);
        CAPTURE(count);
        CAPTURE(grain);
        CHECK(visits(count, grain) == std::vector<int>(static_cast<size_t>(count), 1));
        std::atomic<int64> parts{0}, shortest{count};
        parallel_for(count, grain, [&](int64 begin, int64 end) {
          ++parts;
          for (int64 now = shortest;
               end - begin < now && !shortest.compare_exchange_weak(now, end - begin);) {
          }
        });
        CHECK(parts == (count == 0 ? 0 : std::clamp<int64>(count / std::max<int64>(1, grain), 1, n)));
        CHECK(shortest >= std::min(count, grain));
      }
  }
  CHECK_THROWS_AS(set_threads(0), UsageError);
}

TEST_CASE("parallel_for: from within another it runs on the thread that is there") {
  const Threads two(2);
  CHECK_FALSE(in_parallel());
  std::vector<int> met(20);
  std::atomic<int> wrong{0};
  parallel_for(2, 1, [&](int64 begin, int64) {
    const auto here = std::this_thread::get_id();
    if (!in_parallel()) ++wrong;
    parallel_for(10, 1, [&](int64 first, int64 last) {
      if (std::this_thread::get_id() != here) ++wrong;
      for (int64 i = first; i < last; ++i) ++met[static_cast<size_t>(begin * 10 + i)];
    });
  });
  CHECK(wrong == 0);
  CHECK(met == std::vector<int>(20, 1));
  CHECK_FALSE(in_parallel());
}

TEST_CASE("parallel_for: several threads may call it at once, and workers that fell asleep wake up") {
  const Threads two(2);
  std::vector<std::vector<int>> met(4);
  std::vector<std::thread> callers;
  for (auto& mine : met)
    callers.emplace_back([&mine] {
      mine.assign(300, 0);
      for (int round = 0; round < 200; ++round) {
        const auto once = visits(300, 1);
        std::transform(mine.begin(), mine.end(), once.begin(), mine.begin(), std::plus<>());
      }
    });
  for (std::thread& t : callers) t.join();
  for (const auto& mine : met) CHECK(mine == std::vector<int>(300, 200));
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(visits(2, 1) == std::vector<int>{1, 1});
  }
}

TEST_CASE("spin lock: no two threads are inside at once") {
  detail::SpinLock lock;
  int64 inside = 0, together = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        lock.lock();
        if (++inside != 1) ++together;
        --inside;
        lock.unlock();
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(together == 0);
}

TEST_CASE("allocator: a thread gets back the block it gave") {
  constexpr std::size_t kBytes = 12345;
  void* const mine = allocate(kBytes);
  void* theirs = nullptr;
  std::thread other([&] { theirs = allocate(kBytes); });
  other.join();
  deallocate(mine, kBytes);
  std::thread([&] { deallocate(theirs, kBytes); }).join();
  CHECK(theirs != mine);
  void* const again = allocate(kBytes);  // theirs came back last
  CHECK(again == mine);
  deallocate(again, kBytes);
}
