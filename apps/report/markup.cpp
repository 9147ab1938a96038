#include "apps/report/markup.h"

#include <fmt/format.h>

#include <cmath>

namespace gradus {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length in bytes of the UTF-8 character at the front of `text` and its code point; length 0 where it is none.
struct Utf8 {
  std::size_t length;
  char32_t point;
};
Utf8 first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char b = byte(0);
  if (b < 0x80) return {1, b};
  const std::size_t n = b >= 0xF0 && b < 0xF5 ? 4 : b >= 0xE0 ? 3 : b >= 0xC2 ? 2 : 0;
  if (n == 0 || b >= 0xF5 || text.size() < n) return {0, 0};
  char32_t point = b & (0xFF >> (n + 1));
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    point = point << 6 | (byte(i) & 0x3F);
  }
  const bool too_long = (n == 3 && point < 0x800) || (n == 4 && point < 0x10000);
  const bool surrogate = point >= 0xD800 && point < 0xE000;
  if (too_long || surrogate || point > 0x10FFFF || point == 0xFFFE || point == 0xFFFF) return {0, 0};
  return {n, point};
}

// Calls use(character, code point) for each; what is no UTF-8 comes as U+FFFD, a byte at a time.
template <class F>
void each_character(std::string_view text, const F& use) {
  while (!text.empty()) {
    const Utf8 c = first_character(text);
    if (c.length == 0)
      use(kReplacement, 0xFFFD);
    else
      use(text.substr(0, c.length), c.point);
    text.remove_prefix(c.length == 0 ? 1 : c.length);
  }
}

// In units of the font size.
double character_width(char32_t c) {
  constexpr std::string_view kNarrow = "iljtfrI.,:;|'!()[]{}/ -", kWide = "mwMW@%";
  if (c >= 0x1100 && c != 0xFFFD && !(c >= 0x2000 && c < 0x2C00)) return 1;  // ideographs and kin
  if (c < 0x80 && kNarrow.find(static_cast<char>(c)) != std::string_view::npos) return 0.33;
  if (c < 0x80 && kWide.find(static_cast<char>(c)) != std::string_view::npos) return 0.9;
  return c >= 'A' && c <= 'Z' ? 0.69 : 0.57;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  each_character(text, [&](std::string_view c, char32_t point) {
    switch (point) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += point < 0x20 && point != '\n' && point != '\t' ? kReplacement : c;
    }
  });
  return out;
}

std::string px(double v) {
  const double tenths = std::round(v * 10);
  return fmt::format("{}", tenths == 0 ? 0.0 : tenths / 10);
}

double text_width(std::string_view text, double size) {
  double width = 0;
  each_character(text, [&](std::string_view, char32_t c) { width += character_width(c); });
  return width * size;
}

std::string fitted(std::string_view text, double width, double size) {
  if (text_width(text, size) <= width) return std::string(text);
  std::string out;
  double used = size;  // of the dots
  bool full = false;
  each_character(text, [&](std::string_view c, char32_t point) {
    used += character_width(point) * size;
    full = full || used > width;
    if (!full) out += c;
  });
  return out + "…";
}

std::string anchor_name(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
    if (out.empty() && digit) out = "x";
    if (letter || digit)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "x" : out;
}

}  // namespace gradus
