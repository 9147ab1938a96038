#include "optim/heads.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace gradus {

std::string equations_of(std::string_view head) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < head.size();) {
    const size_t end = std::min(head.find('\n', at), head.size());
    lines.push_back(head.substr(at, end - at));
    at = end + 1;
  }
  size_t i = 1;  // behind the title
  if (i < lines.size() && (lines[i].starts_with("// Paper") || lines[i].starts_with("// Source")))
    for (++i; i < lines.size() && lines[i].starts_with("//        ");) ++i;
  while (i < lines.size() && lines[i] == "//") ++i;
  std::string out;
  for (; i < lines.size(); ++i) {
    if (!out.empty()) out += '\n';
    out += lines[i].substr(std::min<size_t>(3, lines[i].size()));
  }
  return out;
}

OptimizerText with_head(OptimizerText text, const std::source_location& where) {
  const std::string_view path = where.file_name();
  text.source = path.substr(path.rfind('/') + 1);
  for (const SourceHead& head : source_heads())
    if (path.ends_with(head.file)) {
      text.source = head.file;
      text.equations = equations_of(head.text);
    }
  return text;
}

}  // namespace gradus
