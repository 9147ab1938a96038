// Repeated timing of one piece of work.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace gradus {

struct Timing {
  double median = 0, best = 0;  ///< seconds
  int runs = 0;
};

/// Runs `work` three times to warm up (caches, pools, page tables), then for `seconds` and at least `least` times.
template <class Work>
Timing time_runs(double seconds, int least, const Work& work) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 3; ++i) work();
  std::vector<double> runs;
  const auto begin = Clock::now();
  for (auto now = begin;
       static_cast<int>(runs.size()) < least || now - begin < std::chrono::duration<double>(seconds);) {
    const auto before = now;
    work();
    now = Clock::now();
    runs.push_back(std::chrono::duration<double>(now - before).count());
  }
  std::sort(runs.begin(), runs.end());
  return {runs[runs.size() / 2], runs.front(), static_cast<int>(runs.size())};
}

}  // namespace gradus
