#include "apps/bench/memory.h"

#include <malloc.h>
#include <sys/resource.h>

#include <fstream>
#include <string>

#include "core/allocator.h"

namespace gradus::bench {

void reset_peak_rss() {
  release_cached_memory();
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << '5';
}

std::int64_t peak_rss() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * std::int64_t{1024};
}

std::int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

}  // namespace gradus::bench
