#include "data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "core/byte_source.h"
#include "core/error.h"
#include "data/vectors.h"
#include "data/views.h"

namespace gradus {
namespace {

std::optional<double> number(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

// Numbers ascending, and before words, which are in their byte order.
bool class_order(const std::string& a, const std::string& b) {
  const auto x = number(a), y = number(b);
  if (x && y && *x != *y) return *x < *y;
  if (x.has_value() != y.has_value()) return x.has_value();
  return a < b;
}

std::size_t target_column(const CsvTable& table, const CsvOptions& o) {
  const std::size_t columns = table.rows[0].size();
  if (o.target == "last") return columns - 1;
  if (o.target == "first") return 0;
  if (const auto it = std::find(table.header.begin(), table.header.end(), o.target); it != table.header.end())
    return static_cast<std::size_t>(it - table.header.begin());
  if (const auto n = number(o.target);
      n && *n >= 0 && *n < static_cast<double>(columns) && *n == std::floor(*n))
    return static_cast<std::size_t>(*n);
  fail<UsageError>("data set csv: target: {}", unknown_name("column", o.target, table.header));
}

double need_number(const CsvTable& table, const std::string& path, std::size_t row, std::size_t column) {
  const auto value = number(table.rows[row][column]);
  if (!value)
    fail<DataError>("{}: line {}, column {}{}: expected a number, found '{}'", path, table.lines[row], column,
                    table.header.empty() ? "" : " (" + table.header[column] + ")", table.rows[row][column]);
  return *value;
}

bool is_classification(const CsvTable& table, const CsvOptions& o, std::size_t target) {
  if (o.task != "auto") return o.task == "classification";
  constexpr std::size_t kMostClasses = 100;
  std::set<std::string> distinct;
  bool integers = true;
  for (const auto& row : table.rows) {
    const auto value = number(row[target]);
    if (!value) return true;
    integers = integers && *value == std::floor(*value);
    if (distinct.size() <= kMostClasses) distinct.insert(row[target]);
  }
  return integers && distinct.size() <= kMostClasses;
}

}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& name, char separator) {
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
    if (first &&
        std::none_of(row.begin(), row.end(), [](const std::string& f) { return number(f).has_value(); })) {
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

Data open_csv(const CsvOptions& o) {
  if (o.path.empty()) fail<UsageError>("data set csv: needs path=FILE");
  const char separator = o.separator == "comma"       ? ','
                         : o.separator == "semicolon" ? ';'
                         : o.separator == "tab"       ? '\t'
                                                      : ' ';
  const CsvTable table = parse_csv(read_text_file(o.path), o.path, separator);
  const std::size_t target = target_column(table, o), columns = table.rows[0].size();
  if (columns < 2) fail<DataError>("{}: expected at least two columns, found {}", o.path, columns);
  const auto n = static_cast<int64>(table.rows.size()), d = static_cast<int64>(columns) - 1;

  Tensor x({n, d});
  real* out = x.mutable_data();
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    for (std::size_t c = 0; c < columns; ++c)
      if (c != target) *out++ = static_cast<real>(need_number(table, o.path, r, c));
  const SplitIndices parts = random_split(n, o.test, o.seed, "csv");
  if (o.standardize) {
    const ColumnScale scale = measure_columns(x, parts.train);
    out = x.mutable_data();
    for (int64 i = 0; i < x.numel(); ++i) {
      const auto c = static_cast<std::size_t>(i % d);
      out[i] = static_cast<real>((static_cast<double>(out[i]) - scale.mean[c]) / scale.std[c]);
    }
  }

  DatasetInfo info;
  info.name = "csv";
  info.kind = DataKind::kVectors;
  info.example = {d};
  DatasetPtr whole;
  if (is_classification(table, o, target)) {
    for (const auto& row : table.rows) info.class_names.push_back(row[target]);
    std::sort(info.class_names.begin(), info.class_names.end(), class_order);
    info.class_names.erase(std::unique(info.class_names.begin(), info.class_names.end()),
                           info.class_names.end());
    info.classes = static_cast<int64>(info.class_names.size());
    IntTensor y({n});
    for (int64 r = 0; r < n; ++r) {
      const auto it = std::lower_bound(info.class_names.begin(), info.class_names.end(),
                                       table.rows[static_cast<std::size_t>(r)][target], class_order);
      y.mutable_data()[r] = it - info.class_names.begin();
    }
    whole = std::make_shared<VectorSet>(info, x, y);
  } else {
    info.targets = 1;
    Tensor y({n, 1});
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      y.mutable_data()[r] = static_cast<real>(need_number(table, o.path, r, target));
    whole = std::make_shared<VectorSet>(info, x, y);
  }
  return {subset(whole, parts.train), subset(whole, parts.test)};
}

}  // namespace gradus
