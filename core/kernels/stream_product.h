// Products written past the caches.
#pragma once

#include "core/real.h"

namespace gradus::kernels {

/// out (rows, columns) = a b' for vectors a (rows) and b (columns), with stores that go past the caches where the
/// processor has them and the rows are aligned for it: half the memory traffic of ordinary stores, which first read
/// what they overwrite. For results far larger than the caches. Runs on the calling thread.
void stream_outer_product(const real* a, int64 rows, const real* b, int64 columns, real* out);

}  // namespace gradus::kernels
