#include "core/threads.h"

#include <omp.h>

#include <algorithm>

#include "core/blas.h"
#include "core/error.h"

namespace gradus {
namespace {
int thread_count = omp_get_max_threads();
}

void set_threads(int n) {
  if (n < 1) fail<UsageError>("--threads: needs at least 1, not {}", n);
  thread_count = n;
  omp_set_num_threads(n);
  set_blas_threads(n);
}

int threads() { return thread_count; }

void detail::parallel_for(int64 n, int64 grain, RangeBody run, const void* body) {
  const int64 parts = std::min<int64>(threads(), std::max<int64>(1, n / std::max<int64>(1, grain)));
  if (parts <= 1) {
    if (n > 0) run(body, 0, n);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(parts)) schedule(static, 1)
  for (int64 part = 0; part < parts; ++part) run(body, n * part / parts, n * (part + 1) / parts);
}

}  // namespace gradus
