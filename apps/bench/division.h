// What more processors than there are would make of a training step: its loops cut for n threads, every part timed on one.
#pragma once

#include <functional>
#include <string>

#include "core/division_of_work.h"
#include "core/real.h"

namespace gradus::bench {

struct DividedStep {
  int threads;
  double step_s;   ///< parts outside of loops + the longest part of each + starting and ending the loops
  double outside;  ///< share of one thread's time that no loop holds
  double balance;  ///< mean part over longest part, over all loops: 1 where all threads work as long
  double ratio;    ///< one thread's time over step_s
};

/// From the medians of repeated measurements. `start_s`: what starting and ending a loop costs for each further thread.
DividedStep divided_step(int threads, const DivisionOfWork& work, double start_s);

/// Medians, part by part, of `runs` measurements of step(), after one that is not counted.
DivisionOfWork median_division(int threads, int runs, const std::function<void()>& step);

}  // namespace gradus::bench
