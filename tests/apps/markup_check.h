// Whether a text is well-formed XML, as all pages and plots are: tags balanced, attributes quoted and once each, no bare & or
// <, no id twice. Knows no more of XML than that.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

namespace gradus::tests {

/// "" or what is wrong, with its offset.
inline std::string markup_problem(const std::string& text) {
  const std::set<std::string> entities = {"amp", "lt", "gt", "quot", "#39"};
  std::vector<std::string> open;
  std::set<std::string> ids;
  const auto bad_text = [&](std::size_t from, std::size_t to) -> std::string {
    for (std::size_t i = from; i < to; ++i) {
      if (text[i] == '<') return fmt::format("< at {}", i);
      if (text[i] != '&') continue;
      const std::size_t end = text.find(';', i);
      if (end == std::string::npos || !entities.contains(text.substr(i + 1, end - i - 1)))
        return fmt::format("bare & at {}", i);
    }
    return "";
  };
  std::size_t at = text.starts_with("<!DOCTYPE html>") ? 15 : 0;
  while (at < text.size()) {
    std::size_t tag = text.find('<', at);
    if (tag == std::string::npos) tag = text.size();
    if (const std::string bad = bad_text(at, tag); !bad.empty()) return bad;
    if (tag == text.size()) break;
    const bool closing = text[tag + 1] == '/';
    std::size_t i = tag + 1 + closing;
    const std::size_t name_end = text.find_first_of(" />\n", i);
    const std::string name = text.substr(i, name_end - i);
    std::set<std::string> attributes;
    for (i = name_end; i < text.size() && text[i] != '>' && text[i] != '/';) {
      if (text[i] == ' ' || text[i] == '\n') {
        ++i;
        continue;
      }
      const std::size_t equals = text.find('=', i), quote = equals + 1;
      if (equals == std::string::npos || text[quote] != '"') return fmt::format("attribute at {}", i);
      const std::size_t end = text.find('"', quote + 1);
      if (end == std::string::npos) return fmt::format("quote at {}", quote);
      if (const std::string bad = bad_text(quote + 1, end); !bad.empty()) return bad;
      const std::string attribute = text.substr(i, equals - i),
                        value = text.substr(quote + 1, end - quote - 1);
      if (!attributes.insert(attribute).second) return fmt::format("{} twice at {}", attribute, i);
      if (attribute == "id" && !ids.insert(value).second) return fmt::format("id {} twice at {}", value, i);
      i = end + 1;
    }
    const bool alone = text[i] == '/';
    if (alone) ++i;
    if (i >= text.size() || text[i] != '>') return fmt::format("tag {} at {}", name, tag);
    if (closing) {
      if (open.empty() || open.back() != name) return fmt::format("</{}> at {}", name, tag);
      open.pop_back();
    } else if (!alone) {
      open.push_back(name);
    }
    at = i + 1;
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

/// How often `part` occurs.
inline int occurrences(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

/// What stands between the first `before` and the `after` behind it; "" where there is none.
inline std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string::npos) return "";
  const std::size_t end = text.find(after, begin + before.size());
  return end == std::string::npos ? "" : text.substr(begin + before.size(), end - begin - before.size());
}

}  // namespace gradus::tests
