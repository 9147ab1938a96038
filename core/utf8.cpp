#include "core/utf8.h"

#include <fmt/format.h>

namespace gradus {

std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc0 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf8 ? 4
                                           : 0;
  if (length == 0 || at + length > text.size()) return {};
  char32_t c = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {};
    c = c << 6 | (byte(at + i) & 0x3f);
  }
  // Overlong forms, surrogates and what lies beyond the last code point.
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000}, kEnd = 0x110000;
  if (c < kLeast[length] || (c >= 0xd800 && c < 0xe000) || c >= kEnd) return {};
  at += length;
  return c;
}

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();)
    if (!next_code_point(text, at)) return at;
  return {};
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const auto c = next_code_point(text, at);
    if (c && *c >= ' ' && *c != 127) {
      out += text.substr(begin, at - begin);
    } else {
      at = begin + 1;
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[begin]));
    }
  }
  return out;
}

}  // namespace gradus
