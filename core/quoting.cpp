#include "core/quoting.h"

#include "core/error.h"

namespace gradus {

std::string quoted_value(std::string_view value) {
  int depth = 0;
  bool plain = !value.starts_with('"');
  for (const char c : value) {
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') plain = plain && --depth >= 0;
    if (c == ',' && depth == 0) plain = false;
  }
  if (plain && depth == 0 && value.find("=\"") == std::string_view::npos) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::size_t end_of_quoted(std::string_view text, std::size_t at) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\'))
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  fail<UsageError>("expected a closing quote in '{}'", text);
}

std::string unquoted_value(std::string_view value) {
  if (!value.starts_with('"')) return std::string(value);
  const std::size_t end = end_of_quoted(value, 0);
  if (end != value.size()) fail<UsageError>("'{}': text behind the closing quote", value);
  std::string out;
  for (std::size_t i = 1; i + 1 < end; ++i) {
    if (value[i] == '\\' && i + 2 < end && (value[i + 1] == '"' || value[i + 1] == '\\')) ++i;
    out += value[i];
  }
  return out;
}

}  // namespace gradus
