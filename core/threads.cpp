#include "core/threads.h"

#include <omp.h>

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

}  // namespace gradus
