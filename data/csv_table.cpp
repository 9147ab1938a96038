#include "data/csv_table.h"

#include <algorithm>

#include "core/error.h"
#include "core/number_text.h"
#include "core/utf8.h"

namespace gradus {
namespace {

void check_utf8(std::string_view text, const std::string& name) {
  const auto at = first_invalid_utf8(text);
  if (!at) return;
  const auto before = text.substr(0, *at);
  fail<DataError>(
      "{}: line {}, at offset {}: expected UTF-8, found byte {}; iconv -f LATIN1 -t UTF-8 makes it", name,
      1 + std::count(before.begin(), before.end(), '\n'), *at, printable(text.substr(*at, 1)));
}

}  // namespace

std::string CsvTable::place(const std::string& file, std::size_t row, std::size_t column) const {
  return fmt::format("{}: line {}, column {}{}", file, lines[row], column,
                     header.empty() ? "" : " (" + header[column] + ")");
}

CsvTable parse_csv(std::string_view text, const std::string& name, char separator, CsvHeader header) {
  check_utf8(text, name);
  CsvTable table;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  int64 line = 1;
  std::size_t at = 0;
  std::vector<std::string> row;
  while (at < text.size()) {
    const int64 begin = line;
    row.clear();
    for (bool more = true; more;) {
      std::string field;
      if (at < text.size() && text[at] == '"') {
        for (++at;; ++at) {
          if (at >= text.size()) fail<DataError>("{}: line {}: expected a closing quote", name, begin);
          if (text[at] == '"' && (at + 1 >= text.size() || text[at + 1] != '"')) break;
          if (text[at] == '"') ++at;
          line += text[at] == '\n';
          field += text[at];
        }
        ++at;
      } else {
        while (at < text.size() && text[at] != separator && text[at] != '\n' && text[at] != '\r')
          field += text[at++];
      }
      row.push_back(std::move(field));
      more = at < text.size() && text[at] == separator;
      at += more;
    }
    if (at < text.size() && text[at] == '\r') ++at;
    if (at < text.size() && text[at] != '\n')
      fail<DataError>("{}: line {}: expected a separator or the end of the line", name, line);
    ++at;
    ++line;
    if (row.size() == 1 && row[0].empty()) continue;  // an empty line
    const bool first = table.rows.empty() && table.header.empty();
    const auto is_number = [](const std::string& f) { return number_in(f).has_value(); };
    if (first && (header == CsvHeader::kYes ||
                  (header == CsvHeader::kAuto && std::none_of(row.begin(), row.end(), is_number)))) {
      table.header = row;
      continue;
    }
    const std::size_t columns = first                ? row.size()
                                : table.rows.empty() ? table.header.size()
                                                     : table.rows[0].size();
    if (row.size() != columns)
      fail<DataError>("{}: line {}: expected {} fields, found {}", name, begin, columns, row.size());
    table.rows.push_back(row);
    table.lines.push_back(begin);
  }
  if (table.rows.empty()) fail<DataError>("{}: expected rows of numbers, found none", name);
  return table;
}

}  // namespace gradus
