#include "apps/book/code_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "apps/report/markup.h"

namespace gradus {
namespace {

bool code_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

enum class Span { kPlain, kComment, kText, kNumber, kKeyword, kType, kDirective };

struct Part {
  Span span;
  std::string_view text;
};

const std::set<std::string_view>& keywords() {
  static const std::set<std::string_view> words = {
      "auto",      "bool",      "break",     "case",     "catch",    "char",    "class",    "const",
      "constexpr", "continue",  "default",   "delete",   "do",       "double",  "else",     "enum",
      "explicit",  "false",     "final",     "float",    "for",      "friend",  "if",       "inline",
      "int",       "mutable",   "namespace", "new",      "noexcept", "nullptr", "operator", "override",
      "private",   "protected", "public",    "requires", "return",   "sizeof",  "static",   "static_cast",
      "struct",    "switch",    "template",  "this",     "throw",    "true",    "try",      "typename",
      "using",     "virtual",   "void",      "while",    "unsigned", "signed",  "long",     "short",
      "concept",   "extern",    "union"};
  return words;
}

std::vector<Part> code_parts(std::string_view s) {
  std::vector<Part> out;
  size_t plain = 0;
  const auto push = [&](Span span, size_t from, size_t to) {
    if (plain < from) out.push_back({Span::kPlain, s.substr(plain, from - plain)});
    out.push_back({span, s.substr(from, to - from)});
    plain = to;
  };
  for (size_t i = 0; i < s.size();) {
    size_t end = i + 1;
    if (s.substr(i).starts_with("//")) {
      end = std::min(s.find('\n', i), s.size());
      push(Span::kComment, i, end);
    } else if (s.substr(i).starts_with("/*")) {
      end = s.find("*/", i);
      end = end == std::string_view::npos ? s.size() : end + 2;
      push(Span::kComment, i, end);
    } else if (s.substr(i).starts_with("R\"")) {
      const size_t open = s.find('(', i);
      const std::string close =
          open == std::string_view::npos ? "\"" : ")" + std::string(s.substr(i + 2, open - i - 2)) + "\"";
      end = s.find(close, i + 2);
      end = end == std::string_view::npos ? s.size() : end + close.size();
      push(Span::kText, i, end);
    } else if (s[i] == '"' || (s[i] == '\'' && !(i && code_char(s[i - 1])))) {
      while (end < s.size() && s[end] != s[i] && s[end] != '\n') end += s[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, s.size());
      push(Span::kText, i, end);
    } else if (s[i] == '#' && (i == 0 || s[i - 1] == '\n')) {
      while (end < s.size() && std::isalpha(static_cast<unsigned char>(s[end]))) ++end;
      push(Span::kDirective, i, end);
    } else if (std::isdigit(static_cast<unsigned char>(s[i]))) {
      while (end < s.size() &&
             (code_char(s[end]) || s[end] == '.' || s[end] == '\'' ||
              ((s[end] == '-' || s[end] == '+') && (s[end - 1] == 'e' || s[end - 1] == 'E'))))
        ++end;
      push(Span::kNumber, i, end);
    } else if (code_char(s[i])) {
      while (end < s.size() && code_char(s[end])) ++end;
      const std::string_view word = s.substr(i, end - i);
      if (keywords().contains(word))
        push(Span::kKeyword, i, end);
      else if (std::isupper(static_cast<unsigned char>(word[0])) && word.size() > 1)
        push(Span::kType, i, end);
    }
    i = end;
  }
  if (plain < s.size()) out.push_back({Span::kPlain, s.substr(plain)});
  return out;
}

constexpr const char* kSpanClass[] = {"", "c", "s", "n", "k", "t", "p"};

// Lines of markup, each with its colours closed.
std::vector<std::string> coloured_lines(std::string_view code) {
  std::vector<std::string> lines(1);
  for (const Part& part : code_parts(code)) {
    for (size_t at = 0; at <= part.text.size();) {
      const size_t end = std::min(part.text.find('\n', at), part.text.size());
      const std::string words = escaped(part.text.substr(at, end - at));
      if (!words.empty())
        lines.back() +=
            part.span == Span::kPlain
                ? words
                : fmt::format("<i class=\"{}\">{}</i>", kSpanClass[static_cast<int>(part.span)], words);
      if (end == part.text.size()) break;
      lines.emplace_back();
      at = end + 1;
    }
  }
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

Html lines_view(std::string_view code, int first, int last, bool anchors) {
  const std::vector<std::string> lines = coloured_lines(code);
  std::string out = "<pre class=\"code\" tabindex=\"0\"><code>";
  for (int n = first; n <= std::min(last, static_cast<int>(lines.size())); ++n)
    out += anchors
               ? fmt::format("<span class=\"l\" id=\"L{0}\"><b>{0}</b>{1}\n</span>", n,
                             lines[static_cast<size_t>(n - 1)])
               : fmt::format("<span class=\"l\"><b>{}</b>{}\n</span>", n, lines[static_cast<size_t>(n - 1)]);
  return Html::trusted(out + "</code></pre>\n");
}

}  // namespace

Html code_view(std::string_view code, int skip) { return lines_view(code, skip + 1, 1 << 30, true); }
Html code_part(std::string_view code, int first, int last) { return lines_view(code, first, last, false); }

std::string bare_code(std::string_view code) {
  std::string out;
  for (const Part& part : code_parts(code)) {
    if (part.span != Span::kComment && part.span != Span::kText) {
      out += part.text;
      continue;
    }
    for (const char c : part.text) out += c == '\n' ? '\n' : ' ';
  }
  return out;
}

std::vector<int> assigned_lines(std::string_view bare, std::string_view name) {
  std::vector<int> lines;
  int line = 1;
  for (size_t i = 0; i < bare.size(); ++i) {
    if (bare[i] == '\n') ++line;
    if (!bare.substr(i).starts_with(name) || (i && (code_char(bare[i - 1]) || bare[i - 1] == '.'))) continue;
    size_t at = i + name.size();
    if (at < bare.size() && code_char(bare[at])) continue;
    // members and indices: s[i] = ..., w.data = ...
    while (at < bare.size() && (bare[at] == '.' || bare[at] == '[')) {
      if (bare[at] == '[')
        at = std::min(bare.find(']', at), bare.size() - 1) + 1;
      else
        for (++at; at < bare.size() && code_char(bare[at]);) ++at;
    }
    while (at < bare.size() && bare[at] == ' ') ++at;
    const std::string_view rest = bare.substr(at, 2);
    const bool assigns = (rest.starts_with('=') && rest != "==") || rest == "+=" || rest == "-=" ||
                         rest == "*=" || rest == "/=";
    // "real name(...)", "Tensor name{...}": a definition by parentheses
    size_t back = i;
    while (back > 0 && bare[back - 1] == ' ') --back;
    const bool defines = (rest.starts_with('(') || rest.starts_with('{')) && back < i && back > 0 &&
                         (code_char(bare[back - 1]) || bare[back - 1] == '&' || bare[back - 1] == '>') &&
                         !std::string_view(bare).substr(0, back).ends_with("return");
    if ((assigns || defines) && (lines.empty() || lines.back() != line)) lines.push_back(line);
  }
  return lines;
}

std::vector<int> named_lines(std::string_view code, std::string_view name) {
  std::vector<int> lines;
  int line = 1;
  for (const Part& part : code_parts(code)) {
    const std::string_view s = part.text;
    for (size_t i = 0; i < s.size(); ++i) {
      if (s[i] == '\n') ++line;
      if (part.span == Span::kComment || part.span == Span::kDirective || !s.substr(i).starts_with(name))
        continue;
      const size_t end = i + name.size();
      if ((i && code_char(s[i - 1])) || (end < s.size() && code_char(s[end]))) continue;
      if (lines.empty() || lines.back() != line) lines.push_back(line);
    }
  }
  return lines;
}

std::vector<std::string> code_words(std::string_view code) {
  std::set<std::string> words;
  for (const Part& part : code_parts(code)) {
    if (part.span == Span::kComment) continue;
    std::string word;
    for (const char c : part.text) {
      if (code_char(c)) {
        word += c;
        continue;
      }
      if (!word.empty()) words.insert(word);
      word.clear();
    }
    if (!word.empty()) words.insert(word);
  }
  return {words.begin(), words.end()};
}

}  // namespace gradus
