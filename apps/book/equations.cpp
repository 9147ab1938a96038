#include "apps/book/equations.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/book/code_view.h"
#include "apps/report/markup.h"

namespace gradus {

std::vector<HeadLine> head_lines(const std::string& equations, bool all_equations) {
  std::vector<HeadLine> out;
  for (size_t at = 0; at < equations.size();) {
    const size_t end = std::min(equations.find('\n', at), equations.size());
    const std::string line = equations.substr(at, end - at);
    at = end + 1;
    const size_t blanks = line.find_first_not_of(' ');
    if (blanks == std::string::npos) continue;
    HeadLine h{.text = line.substr(blanks, line.find_last_not_of(' ') + 1 - blanks)};
    if (all_equations) {
      h.indent = static_cast<int>(blanks) / 2;
    } else {
      h.remark = blanks < 2;
      h.indent = std::max(0, static_cast<int>(blanks) - 2) / 2;
    }
    // A remark goes on from line to line, and into an indented one where its sentence has not ended.
    const bool open = !all_equations && !out.empty() && out.back().remark &&
                      (out.back().text.ends_with(';') || out.back().text.ends_with(','));
    h.remark = h.remark || open;
    if (h.remark && !out.empty() && out.back().remark)
      out.back().text += " " + h.text;
    else
      out.push_back(std::move(h));
  }
  return out;
}

KnownNames known_names(const std::vector<HeadLine>& lines, const std::vector<std::string>& options) {
  std::vector<std::string> equations;
  for (const HeadLine& line : lines)
    if (!line.remark) equations.push_back(line.text);
  KnownNames names = defined_names(equations);
  names.insert(options.begin(), options.end());
  return names;
}

std::vector<std::string> assigned_names(const std::string& line) {
  std::vector<std::string> out;
  const std::vector<MathToken> t = math_tokens(line, {});
  int depth = 0;
  for (size_t i = 0; i < t.size(); ++i) {
    if (t[i].text == "(" || t[i].text == "[") ++depth;
    if (t[i].text == ")" || t[i].text == "]") --depth;
    const bool sets = t[i].kind == MathToken::kOp && (t[i].text == "=" || t[i].text == "<-");
    if (!sets || i == 0 || depth > 0) continue;
    // "QL, QR = ...": all of the list
    for (size_t j = i; j > 0; j -= 2) {
      const MathToken& name = t[j - 1];
      if (name.kind == MathToken::kOp || name.kind == MathToken::kNumber) break;
      if (std::find(out.begin(), out.end(), name.text) == out.end()) out.push_back(name.text);
      if (j < 3 || t[j - 2].text != ",") break;
    }
  }
  return out;
}

Html equations_view(const std::vector<HeadLine>& lines, const KnownNames& known, const std::string& code,
                    const std::string& page) {
  constexpr size_t kMostLines = 4;
  const std::string bare = code.empty() ? "" : bare_code(code);
  std::string out;
  for (const HeadLine& line : lines) {
    if (line.remark) {
      out += "<p>" + set_line(line.text, known) + "</p>\n";
      continue;
    }
    std::vector<int> places;
    if (!code.empty())
      for (const std::string& name : assigned_names(line.text))
        for (const int n : assigned_lines(bare, name))
          if (std::find(places.begin(), places.end(), n) == places.end()) places.push_back(n);
    const bool set_here = !places.empty();
    if (!set_here &&
        !code.empty())  // set by a function that is handed it, or by one of other files: where it is named
      for (const std::string& name : assigned_names(line.text))
        for (const int n : named_lines(code, name))
          if (places.size() < kMostLines && std::find(places.begin(), places.end(), n) == places.end())
            places.push_back(n);
    std::sort(places.begin(), places.end());
    std::string links;
    for (size_t k = 0; k < std::min(kMostLines, places.size()); ++k)
      links += fmt::format("{}<a href=\"{}#L{}\">{}</a>", k ? ", " : "", page, places[k], places[k]);
    if (!links.empty())
      links = fmt::format("<span class=\"lines\">{} {}{}</span>",
                          set_here ? (places.size() > 1 ? "lines" : "line") : "see", links,
                          places.size() > kMostLines ? ", …" : "");
    const int indent = std::min(line.indent, 2);
    out += fmt::format("<div class=\"eq{}\">{}{}</div>\n", indent ? fmt::format(" in{}", indent) : "",
                       set_line(line.text, known), links);
  }
  return Html::trusted(out);
}

}  // namespace gradus
