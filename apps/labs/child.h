// A program run to its end, or to the end of its time.
#pragma once

#include <string>
#include <vector>

namespace gradus {

struct ChildResult {
  int code = -1;           ///< exit code; -1 if a signal ended it
  int signal = 0;          ///< that signal, or 0
  bool timed_out = false;  ///< it was ended after its time
  std::string output;      ///< standard output and error together, at most 1 MB
};

/// Runs `words` (the first is looked for in PATH) in `folder`, with at most `seconds` of time and `memory` bytes of address
/// space (0: as much as it likes); with it all processes it has started end. Throws DataError if it cannot be started.
ChildResult run_child(const std::vector<std::string>& words, const std::string& folder, double seconds,
                      long memory = 0);
/// "segmentation fault" for SIGSEGV.
std::string signal_text(int signal);

}  // namespace gradus
