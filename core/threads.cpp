#include "core/threads.h"

#include <omp.h>

#include <algorithm>

#include "core/error.h"
#include "core/thread_pool.h"

namespace gradus {
namespace {

int thread_count =
    omp_get_max_threads();  // what BLAS would take: OMP_NUM_THREADS, else the processors we may use

// Never destroyed: its workers outlive whatever the end of the process destroys.
detail::ThreadPool& thread_pool() {
  static detail::ThreadPool& threads = *new detail::ThreadPool;
  return threads;
}

}  // namespace

void set_threads(int n) {
  if (n < 1) fail<UsageError>("--threads: needs at least 1, not {}", n);
  thread_count = n;
}

int threads() { return thread_count; }

bool in_parallel() { return detail::ThreadPool::inside(); }

void detail::parallel_for(int64 n, int64 grain, RangeBody run, const void* body) {
  const int64 parts = std::min<int64>(threads(), std::max<int64>(1, n / std::max<int64>(1, grain)));
  if (parts > 1) {
    thread_pool().run({run, body, n, parts});
  } else if (n > 0) {
    run(body, 0, n);
  }
}

}  // namespace gradus
