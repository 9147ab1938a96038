#include "tests/paths.h"

namespace gradus::tests {

std::filesystem::path tests_dir() { return GRADUS_TESTS_DIR; }

}  // namespace gradus::tests
