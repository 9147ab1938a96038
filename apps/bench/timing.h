// Repeated timing of pieces of work.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <vector>

namespace gradus::bench {

struct Timing {
  double median = 0, best = 0;  ///< seconds
  int runs = 0;
};

/// Runs each piece three times to warm up (caches, pools, page tables), then all in turns, so that a noisy machine
/// disturbs all alike, for `seconds` a piece and at least `least` times.
inline std::vector<Timing> time_in_turns(double seconds, int least,
                                         std::span<const std::function<void()>> pieces) {
  using Clock = std::chrono::steady_clock;
  for (const auto& work : pieces)
    for (int i = 0; i < 3; ++i) work();
  std::vector<std::vector<double>> runs(pieces.size());
  const std::chrono::duration<double> budget(seconds * static_cast<double>(pieces.size()));
  const auto begin = Clock::now();
  for (int round = 0; round < least || Clock::now() - begin < budget; ++round)
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const auto before = Clock::now();
      pieces[i]();
      runs[i].push_back(std::chrono::duration<double>(Clock::now() - before).count());
    }
  std::vector<Timing> timings;
  for (auto& r : runs) {
    std::sort(r.begin(), r.end());
    timings.push_back({r[r.size() / 2], r.front(), static_cast<int>(r.size())});
  }
  return timings;
}

inline Timing time_runs(double seconds, int least, const std::function<void()>& work) {
  return time_in_turns(seconds, least, {&work, 1})[0];
}

}  // namespace gradus::bench
