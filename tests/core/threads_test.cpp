#include "core/threads.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "core/division_of_work.h"
#include "core/error.h"
#include "core/scratch.h"
#include "core/spin.h"
#include "core/thread_pool.h"

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

TEST_CASE("thread pool: no more threads than processors, each with neighbouring parts in order") {
  static auto& pool = *new detail::ThreadPool(3);  // its workers never end
  std::vector<std::thread::id> who(100);
  std::vector<int> order(100);
  std::atomic<int> met{0};
  const auto body = [&](int64 begin, int64 end) {
    CHECK(end == begin + 1);
    who[static_cast<size_t>(begin)] = std::this_thread::get_id();
    order[static_cast<size_t>(begin)] = ++met;
  };
  pool.run(
      {[](const void* b, int64 begin, int64 end) { (*static_cast<const decltype(body)*>(b))(begin, end); },
       &body, 100, 100});
  CHECK(met == 100);
  for (size_t i = 0; i < 100; ++i) {
    const size_t first = i < 33 ? 0 : i < 66 ? 33 : 66;
    CHECK(who[i] == who[first]);
    if (i > first) CHECK(order[i] > order[i - 1]);
  }
  CHECK(who[0] == std::this_thread::get_id());
}

TEST_CASE("divide_work: loops cut for n threads, all parts on the calling one") {
  const Threads one(1);
  const auto here = std::this_thread::get_id();
  std::vector<int64> parts;
  bool elsewhere = false;
  const DivisionOfWork work = divide_work(5, [&] {
    CHECK(threads() == 5);
    std::this_thread::sleep_for(std::chrono::milliseconds(4));
    parallel_for(10, 1, [&](int64 begin, int64 end) {
      parts.push_back(end - begin);
      elsewhere |= std::this_thread::get_id() != here || !in_parallel();
      std::this_thread::sleep_for(std::chrono::milliseconds(begin == 0 ? 6 : 1));
      parallel_for(10, 1, [&](int64, int64) {});
    });
    parallel_for(1, 1, [&](int64, int64) { parts.push_back(0); });  // is not divided
  });
  CHECK(parts == std::vector<int64>{2, 2, 2, 2, 2, 0});
  CHECK_FALSE(elsewhere);
  CHECK(work.loops == 1);
  CHECK(work.longest_s >= 0.006);
  CHECK(work.parts_s >= 0.010);
  CHECK(work.longest_s + 0.004 <= work.parts_s);
  CHECK(work.total_s >= work.parts_s + 0.004);
  CHECK(threads() == 1);
  CHECK_THROWS_AS(divide_work(0, [] {}), UsageError);
  CHECK_THROWS_AS(divide_work(3, [] { throw UsageError("x"); }), UsageError);
  CHECK(threads() == 1);
  CHECK(visits(100, 1) == std::vector<int>(100, 1));
}

TEST_CASE("first touch: every page of a block is there afterwards") {
  const Threads two(2);
  constexpr size_t kPages = 300, kPage = 4096;
  void* const block =
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(block != MAP_FAILED);
  const auto resident = [&] {
    std::vector<unsigned char> pages(kPages);
    REQUIRE(mincore(block, kPages * kPage, pages.data()) == 0);
    return std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return p & 1; });
  };
  CHECK(resident() == 0);
  first_touch(block, kPages * kPage);
  CHECK(resident() == kPages);
  munmap(block, kPages * kPage);
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
