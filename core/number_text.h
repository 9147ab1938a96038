// Numbers as they are written in files.
#pragma once

#include <optional>
#include <string_view>

namespace gradus {

/// The number that the whole text spells ("2", "-1e-3", "+.5", "inf", "nan"), blanks around it left out; nothing
/// if it spells none. What is too small for a double becomes 0 or denormal, what is too large infinite.
std::optional<double> number_in(std::string_view text);

/// The text without blanks and tabs at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace gradus
