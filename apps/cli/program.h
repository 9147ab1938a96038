// The command line as a whole.
#pragma once

namespace gradus {

/// Exit codes, the same for every command.
enum ExitCode : int {
  kOk = 0,
  kInternal = 1,       ///< a fault of gradus itself
  kUsage = 2,          ///< the command line asks for what does not exist
  kBadData = 3,        ///< a file is missing, damaged or cannot be written
  kNotShown = 4,       ///< diverged, mismatch, claim not shown
  kInterrupted = 130,  ///< stopped by a signal, after saving
};

/// Parses the line, runs the command and returns the exit code. Throws what the command throws, UsageError for a
/// line that makes no sense.
int run_program(int argc, const char* const* argv);

/// All of main(): run_program, where errors end as one line and an exit code. A program of one's own adds its parts (add_model,
/// add_optimizer, add_dataset) and returns this.
int run_main(int argc, char** argv);

}  // namespace gradus
