// What the process asks of the system: memory and pages.
#pragma once

#include <cstdint>

namespace gradus::bench {

/// Gives back what is cached and starts the peak below anew, so that it is of what comes next. (Where the system
/// cannot start it anew the peak stays that of the whole process.)
void reset_peak_rss();
/// Largest resident set since then, in bytes.
std::int64_t peak_rss();
/// Pages that the process has touched for the first time so far: memory the system had to hand out.
std::int64_t page_faults();

}  // namespace gradus::bench
