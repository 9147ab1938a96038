// Commands of the program called within the test: what they print, and the errors they throw.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/cli/program.h"
#include "core/error.h"
#include "tests/temp_dir.h"

namespace gradus::tests {

struct Output {
  int code;
  std::string text;  ///< of stdout
};

/// Runs `gradus ARGUMENTS...`. Lets the command's errors out, as run_program() does.
inline Output run(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"gradus"};
  for (const std::string& a : arguments) argv.push_back(a.c_str());
  const TempDir dir;
  const std::string file = dir / "stdout";
  std::fflush(stdout);
  const int kept = ::dup(STDOUT_FILENO), to = ::open(file.c_str(), O_WRONLY | O_CREAT, 0600);
  ::dup2(to, STDOUT_FILENO);
  ::close(to);
  const auto restore = [&] {
    std::fflush(stdout);
    ::dup2(kept, STDOUT_FILENO);
    ::close(kept);
  };
  int code = -1;
  try {
    code = run_program(static_cast<int>(argv.size()), argv.data());
  } catch (...) {
    restore();
    throw;
  }
  restore();
  return {code, dir.read("stdout")};
}

/// Trains, with these further words of the line, into dir/NAME, which is returned. Throws if that fails.
inline std::string trained(const TempDir& dir, const std::string& name,
                           const std::vector<std::string>& more) {
  std::vector<std::string> line = {"train", "--quiet", "--out", dir / name};
  line.insert(line.end(), more.begin(), more.end());
  if (run(line).code != kOk) throw std::runtime_error("training into " + (dir / name) + " failed");
  return dir / name;
}

/// What a command complains of as wrong usage; "(nothing)" where it does not.
inline std::string complaint(std::vector<std::string> arguments, const std::vector<std::string>& more = {}) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  try {
    run(arguments);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "(nothing)";
}

}  // namespace gradus::tests
