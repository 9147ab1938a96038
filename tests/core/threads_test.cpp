#include "core/threads.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "core/error.h"
#include "core/scratch.h"
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

TEST_CASE("scratch: a stack a thread, which the next user finds where the last one left it") {
  std::uintptr_t first = 0, second = 0;
  {
    const ScratchBlock a(100), b(1);
    first = reinterpret_cast<std::uintptr_t>(a.data()), second = reinterpret_cast<std::uintptr_t>(b.data());
    CHECK(first % 64 == 0);
    CHECK(second == first + 128);
    std::uintptr_t theirs = 0;
    std::thread([&] { theirs = reinterpret_cast<std::uintptr_t>(ScratchBlock(100).data()); }).join();
    CHECK(std::max(theirs, first) - std::min(theirs, first) >= 64 * 1024);
  }
  const ScratchBlock again(5000), behind(0), last(0);
  CHECK(reinterpret_cast<std::uintptr_t>(again.data()) == first);
  CHECK(behind.data() != last.data());
}

TEST_CASE("scratch: what did not fit once fits from then on, and all of it can be written") {
  constexpr std::size_t kMega = std::size_t{1} << 20;
  std::thread([&] {
    const auto use = [] {
      std::vector<std::unique_ptr<ScratchBlock>> blocks;
      for (std::size_t i = 1; i <= 4; ++i) {
        blocks.push_back(std::make_unique<ScratchBlock>(i * kMega));
        std::memset(blocks.back()->data(), static_cast<int>(i), i * kMega);
      }
      for (std::size_t i = 1; i <= 4; ++i) {
        const auto* bytes = static_cast<const unsigned char*>(blocks[i - 1]->data());
        CHECK(std::count(bytes, bytes + i * kMega, i) == static_cast<std::ptrdiff_t>(i * kMega));
      }
      while (!blocks.empty()) blocks.pop_back();
    };
    const auto before = allocator_stats();
    use(), use();
    const auto warm = allocator_stats();
    CHECK(warm.system_allocations > before.system_allocations);
    CHECK(warm.live_blocks == before.live_blocks);
    CHECK(warm.bytes_held >= before.bytes_held + 10 * kMega);
    use();
    CHECK(allocator_stats().system_allocations == warm.system_allocations);
  }).join();
}
