#include "apps/book/markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "apps/report/markup.h"

namespace gradus {
namespace {

struct MarkdownPage {
  const LinkTarget& target;
  std::vector<std::string> lines = {};
  std::set<std::string> ids = {};
  size_t i = 0;
  std::string out = {};

  static int indent_of(const std::string& line) {
    return static_cast<int>(std::min(line.find_first_not_of(' '), line.size()));
  }
  static bool blank(const std::string& line) { return line.find_first_not_of(" \t") == std::string::npos; }
  // The width of "- ", "1. " at the head of a line behind its indent; 0: no item.
  static size_t bullet(const std::string& line) {
    const size_t at = line.find_first_not_of(' ');
    if (at == std::string::npos) return 0;
    if ((line[at] == '-' || line[at] == '*') && at + 1 < line.size() && line[at + 1] == ' ') return 2;
    size_t d = at;
    while (d < line.size() && std::isdigit(static_cast<unsigned char>(line[d]))) ++d;
    return d > at && d + 1 < line.size() && line[d] == '.' && line[d + 1] == ' ' ? d + 2 - at : 0;
  }
  static std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> out;
    std::string cell;
    bool code = false;
    for (size_t k = line.find('|') + 1; k < line.size(); ++k) {
      if (line[k] == '`') code = !code;
      if (line[k] == '|' && !code) {
        out.push_back(cell);
        cell.clear();
      } else {
        cell += line[k];
      }
    }
    return out;
  }
  std::string inline_html(const std::string& text) const { return markdown_inline(text, target).str(); }

  void heading() {
    const size_t level = lines[i].find_first_not_of('#');
    const std::string words = lines[i].substr(std::min(level + 1, lines[i].size()));
    std::string id = anchor_name(words);
    while (!ids.insert(id).second) id += "-2";
    const size_t h = std::clamp<size_t>(level, 2, 3);
    out += fmt::format("<h{0} id=\"{1}\">{2}</h{0}>\n", h, id, inline_html(words));
    ++i;
  }
  void fence() {
    std::string code;
    for (++i; i < lines.size() && !lines[i].starts_with("```"); ++i) code += lines[i] + "\n";
    ++i;
    out += html::preformatted(code).str();
  }
  void indented() {
    std::string code;
    for (; i < lines.size() && (lines[i].starts_with("    ") || blank(lines[i])); ++i)
      code += (blank(lines[i]) ? "" : lines[i].substr(4)) + "\n";
    while (code.ends_with("\n\n")) code.pop_back();
    out += html::preformatted(code).str();
  }
  void table() {
    out += "<div class=\"scroll\" tabindex=\"0\"><table>";
    for (bool head = true; i < lines.size() && lines[i].starts_with("|"); ++i) {
      const bool rule = lines[i].find_first_not_of("|-: ") == std::string::npos;
      if (rule) {
        head = false;
        continue;
      }
      out += "<tr>";
      for (const std::string& cell : cells(lines[i]))
        out += fmt::format("<{0}>{1}</{0}>", head ? "th" : "td", inline_html(cell));
      out += "</tr>\n";
    }
    out += "</table></div>\n";
  }
  void list() {
    const int indent = indent_of(lines[i]);
    const char* kind =
        std::isdigit(static_cast<unsigned char>(lines[i][static_cast<size_t>(indent)])) ? "ol" : "ul";
    out += fmt::format("<{}>", kind);
    while (i < lines.size() && bullet(lines[i]) && indent_of(lines[i]) == indent) {
      const size_t width = bullet(lines[i]);
      std::string words = lines[i].substr(static_cast<size_t>(indent) + width);
      for (++i; i < lines.size() && !blank(lines[i]) && !bullet(lines[i]) && indent_of(lines[i]) > indent;
           ++i)
        words += " " + lines[i].substr(static_cast<size_t>(indent_of(lines[i])));
      out += "<li>" + inline_html(words);
      if (i < lines.size() && bullet(lines[i]) && indent_of(lines[i]) > indent) list();
      out += "</li>\n";
      size_t next = i;
      while (next < lines.size() && blank(lines[next])) ++next;
      if (next < lines.size() && bullet(lines[next]) && indent_of(lines[next]) == indent) i = next;
    }
    out += fmt::format("</{}>\n", kind);
  }
  void paragraph() {
    std::string words;
    while (i < lines.size() && !blank(lines[i]) && !lines[i].starts_with("#") &&
           !lines[i].starts_with("```") && !lines[i].starts_with("|") && (words.empty() || !bullet(lines[i])))
      words += (words.empty() ? "" : " ") + lines[i++];
    out += "<p>" + inline_html(words) + "</p>\n";
  }
  Html page(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      lines.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
    bool title = true;
    while (i < lines.size()) {
      const std::string& line = lines[i];
      if (blank(line)) {
        ++i;
      } else if (line.starts_with("#")) {
        if (title)
          ++i;
        else
          heading();
        title = false;
      } else if (line.starts_with("```")) {
        fence();
      } else if (line.starts_with("|")) {
        table();
      } else if (bullet(line)) {
        list();
      } else if (line.starts_with("    ")) {
        indented();
      } else {
        paragraph();
      }
    }
    return Html::trusted(out);
  }
};

}  // namespace

Html markdown_inline(std::string_view s, const LinkTarget& target) {
  std::string out;
  const auto rest_at = [&](size_t i, std::string_view sign) { return s.substr(i).starts_with(sign); };
  for (size_t i = 0; i < s.size();) {
    if (s[i] == '`') {
      const size_t end = s.find('`', i + 1);
      if (end != std::string_view::npos) {
        const std::string words(s.substr(i + 1, end - i - 1));
        const std::string to = target(words);
        const std::string code = html::code(words).str();
        out += to.empty() ? code : fmt::format("<a href=\"{}\">{}</a>", escaped(to), code);
        i = end + 1;
        continue;
      }
    }
    if (s[i] == '[') {
      const size_t close = s.find("](", i),
                   end = close == std::string_view::npos ? close : s.find(')', close);
      if (end != std::string_view::npos &&
          s.substr(i + 1, close - i - 1).find('[') == std::string_view::npos) {
        const Html words =
            markdown_inline(s.substr(i + 1, close - i - 1), [](const std::string&) { return std::string(); });
        const std::string given(s.substr(close + 2, end - close - 2));
        const std::string to =
            given.starts_with("https://") || given.starts_with("#") ? given : target(given);
        out += to.empty() ? words.str() : fmt::format("<a href=\"{}\">{}</a>", escaped(to), words.str());
        i = end + 1;
        continue;
      }
    }
    if (rest_at(i, "**")) {
      const size_t end = s.find("**", i + 2);
      if (end != std::string_view::npos) {
        out += "<strong>" + markdown_inline(s.substr(i + 2, end - i - 2), target).str() + "</strong>";
        i = end + 2;
        continue;
      }
    }
    if (s[i] == '*' && i + 1 < s.size() && std::isalpha(static_cast<unsigned char>(s[i + 1])) &&
        (i == 0 || s[i - 1] == ' ')) {
      const size_t end = s.find('*', i + 1);
      if (end != std::string_view::npos && s[end - 1] != ' ') {
        out += "<em>" + markdown_inline(s.substr(i + 1, end - i - 1), target).str() + "</em>";
        i = end + 1;
        continue;
      }
    }
    size_t end = i + 1;
    while (end < s.size() && s[end] != '`' && s[end] != '[' && s[end] != '*') ++end;
    out += escaped(s.substr(i, end - i));
    i = end;
  }
  return Html::trusted(out);
}

Html markdown(std::string_view text, const LinkTarget& target) {
  MarkdownPage page{.target = target};
  return page.page(text);
}

}  // namespace gradus
