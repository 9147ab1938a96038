// Where the tests' own files are. The path is compiled into one file only, so that all other objects are the same in
// every checkout (and a compiler cache can share them).
#pragma once

#include <filesystem>

namespace gradus::tests {

/// The folder tests/ of the sources.
std::filesystem::path tests_dir();

}  // namespace gradus::tests
