#include "core/threads.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "core/division_of_work.h"
#include "core/error.h"
#include "core/processors.h"
#include "core/thread_pool.h"

namespace gradus {
namespace {

// OMP_NUM_THREADS, as BLAS would take it, else the processors we may use.
int thread_count = std::getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : processors();

// Never destroyed: its workers outlive whatever the end of the process destroys.
detail::ThreadPool& thread_pool() {
  static detail::ThreadPool& threads = *new detail::ThreadPool(processors());
  return threads;
}

}  // namespace

void set_threads(int n) {
  if (n < 1) fail<UsageError>("--threads: needs at least 1, not {}", n);
  thread_count = n;
}

int threads() { return thread_count; }

bool in_parallel() { return detail::ThreadPool::inside(); }

DivisionOfWork divide_work(int n, const std::function<void()>& body) {
  const int before = threads();
  detail::LoopTimes times;
  set_threads(n);
  thread_pool().time_parts(&times);
  const auto begin = std::chrono::steady_clock::now();
  const auto restore = [&] {
    thread_pool().time_parts(nullptr);
    thread_count = before;
  };
  try {
    body();
  } catch (...) {
    restore();
    throw;
  }
  const std::chrono::duration<double> total = std::chrono::steady_clock::now() - begin;
  restore();
  return {total.count(), times.all_s, times.longest_s, times.loops};
}

void detail::parallel_for(int64 n, int64 grain, RangeBody run, const void* body) {
  const int64 parts = std::min<int64>(threads(), std::max<int64>(1, n / std::max<int64>(1, grain)));
  if (parts > 1) {
    thread_pool().run({run, body, n, parts});
  } else if (n > 0) {
    run(body, 0, n);
  }
}

}  // namespace gradus
