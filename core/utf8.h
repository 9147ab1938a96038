// UTF-8: checking and taking apart.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// The code point at `at`, which is moved behind it; nothing, and `at` stays, where the bytes are not UTF-8
/// (overlong forms and surrogates are not).
std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at);
/// Offset of the first byte that is not UTF-8.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);
/// The text for messages: bytes that are not UTF-8 and control characters as \xNN.
std::string printable(std::string_view text);

}  // namespace gradus
