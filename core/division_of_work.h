// How the loops of a piece of work would divide among more threads than the machine has.
#pragma once

#include <functional>

#include "core/real.h"

namespace gradus {

/// What `body` took on one thread, with its parallel loops cut for n threads and every part timed. With n processors, and loops
/// that cost nothing to start, it would take total_s - parts_s + longest_s.
struct DivisionOfWork {
  double total_s = 0;    ///< of body
  double parts_s = 0;    ///< of all parts of its loops
  double longest_s = 0;  ///< of the longest part of each loop, summed
  int64 loops = 0;       ///< that are divided at all
};
/// Not from within parallel_for, and while no other thread has loops to run. Throws UsageError for n < 1, and what body throws.
DivisionOfWork divide_work(int n, const std::function<void()>& body);

}  // namespace gradus
