// How fast the loader makes batches.
#pragma once

#include <string>
#include <vector>

#include "apps/bench/timing.h"
#include "core/real.h"

namespace gradus::bench {

struct LoaderSpeed {
  std::string name;  ///< "28x28", "3x32x32 pad-crop,flip", ...
  int64 batch;
  Timing made;    ///< one batch, made on the calling thread
  Timing waited;  ///< for one batch from the loader's own thread, nothing else running
};
/// Batches of random images held in memory, shuffled, with and without augmentation.
std::vector<LoaderSpeed> measure_loader(double seconds);

}  // namespace gradus::bench
