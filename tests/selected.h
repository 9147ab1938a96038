// Contract tests run over registries; this runs them for a few entries alone:
//   GRADUS_TEST_ONLY=adam,ada* build/tests/gradus64_tests -tc='every optimizer*'
#pragma once

#include <cstdlib>
#include <string_view>

#include "core/glob.h"

namespace gradus::tests {

/// True unless the environment variable GRADUS_TEST_ONLY (patterns, separated by commas) names others.
inline bool selected(std::string_view name) {
  const char* variable = std::getenv("GRADUS_TEST_ONLY");
  if (!variable) return true;
  for (std::string_view rest = variable;;) {
    const size_t comma = rest.find(',');
    if (glob_match(rest.substr(0, comma), name)) return true;
    if (comma == rest.npos) return false;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace gradus::tests
