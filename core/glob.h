// Shell-like patterns for names.
#pragma once

#include <string_view>

namespace gradus {

/// True if `name` matches `pattern` as a whole; '*' stands for any run of characters (also none), '?' for
/// one.
bool glob_match(std::string_view pattern, std::string_view name);

}  // namespace gradus
