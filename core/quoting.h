// Quoted values in specifications: csv:path="a, b.csv",target=y
#pragma once

#include <string>
#include <string_view>

namespace gradus {

/// The value as it stands in a specification: in double quotes, with \" and \\ for quotes and backslashes in it,
/// where it would otherwise be cut or misread (a comma, unbalanced parentheses, a quote at its beginning).
std::string quoted_value(std::string_view value);
/// What a value stands for: without its quotes, if it begins with one. Throws UsageError for text behind the closing
/// quote.
std::string unquoted_value(std::string_view value);
/// Where the quoted text that begins at `at` ends: behind the closing quote. Throws UsageError if there is none.
std::size_t end_of_quoted(std::string_view text, std::size_t at);

}  // namespace gradus
