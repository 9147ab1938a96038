// Runs the built program as a user would, and looks at what comes back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/temp_dir.h"

namespace gradus::tests {

struct Outcome {
  int code = -1;    ///< exit code; -1 if a signal ended it
  int signal = 0;   ///< the signal that ended it, or 0
  std::string out;  ///< standard output
  std::string err;  ///< standard error
};

struct Surroundings {
  std::string folder;                              ///< working directory; empty: the present one
  std::map<std::string, std::string> environment;  ///< added to, or replacing, that of the tests
  long largest_file = 0;  ///< bytes a file may grow to, like a full disk; 0: no limit
  /// Where standard error goes: a file (/dev/full), "closed", "unread" (a pipe that nobody reads); empty: to us.
  std::string errors = "";
  bool ignores_hangup = false;  ///< as under nohup
};

/// Path of gradus (float) or gradus64 (double), as these tests are built.
std::string program_path();
/// Path of the library that, preloaded, ends a process at a chosen write; see kill_at.c.
std::string kill_at_path();

/// Runs `gradus ARGS...` to its end. No data set is visible to it but the built-in one, unless the surroundings say so.
Outcome run_gradus(const std::vector<std::string>& args, const Surroundings& where = {});

/// The same of another program, found as a shell finds it.
Outcome run_command(const std::vector<std::string>& command, const Surroundings& where = {});

/// Bytes of a file; fails the test if it is not there.
std::string bytes_of(const std::string& path);

}  // namespace gradus::tests
