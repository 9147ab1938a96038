#include "data/csv_columns.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "core/number_text.h"
#include "data/table_encoding.h"

namespace gradus {
namespace {

std::size_t target_column(const CsvTable& table, const std::string& target) {
  const std::size_t columns = table.rows[0].size();
  if (target == "last") return columns - 1;
  if (target == "first") return 0;
  if (const auto it = std::find(table.header.begin(), table.header.end(), target); it != table.header.end())
    return static_cast<std::size_t>(it - table.header.begin());
  const auto n = number_in(target);
  if (n && *n >= 0 && *n < static_cast<double>(columns) && *n == std::floor(*n))
    return static_cast<std::size_t>(*n);
  if (n || table.header.empty())
    fail<UsageError>(
        "data set csv: target = {}: needs first, last or a column 0..{}{}", target, columns - 1,
        table.header.empty() ? "" : fmt::format(" or its name: {}", fmt::join(table.header, ", ")));
  fail<UsageError>("data set csv: target: {}", unknown_name("column", target, table.header));
}

// Those of the weights by their places, in a table (or for weights) without names.
void choose_places(CsvColumns& c, const TableInfo& table) {
  const auto width = static_cast<int64>(c.table.rows[0].size()) - 1;
  if (width != table.width)
    fail<DataError>("{}: expected {} columns beside the target as the weights were trained on, found {}",
                    c.path, table.width, width);
  c.features.clear();
  for (const TableColumn& column : table.columns) {
    const auto place = static_cast<std::size_t>(column.position);
    c.features.push_back(place + (place >= c.target ? 1 : 0));
  }
}

// The columns of the examples; by their names where both the file and the weights know them.
void choose_features(CsvColumns& c, const ColumnChoice& choice, const DatasetInfo* fitted) {
  const std::vector<std::string>& header = c.table.header;
  const bool trained = fitted && !fitted->example.dims().empty();
  if (!trained) {
    check_patterns("columns", choice.columns, c.table);
    check_patterns("drop", choice.drop, c.table);
  }
  for (std::size_t i = 0; i < c.table.rows[0].size(); ++i) {
    const bool chosen = choice.columns.empty() || matches_patterns(choice.columns, c.table, i);
    if (i != c.target && (trained || (chosen && !matches_patterns(choice.drop, c.table, i))))
      c.features.push_back(i);
  }
  if (c.features.empty())
    fail<DataError>("{}: {}", c.path,
                    c.table.rows[0].size() == 1 ? "expected at least two columns, found 1"
                                                : "columns and drop leave no column beside the target");
  const bool unique = std::set(header.begin(), header.end()).size() == header.size();
  if (header.empty() || !unique || !fitted || fitted->columns.empty()) {
    if (trained && !fitted->table.columns.empty()) choose_places(c, fitted->table);
    return;
  }
  std::vector<std::string> missing, surplus;
  std::vector<std::size_t> by_name;
  for (const std::string& name : fitted->columns) {
    const auto found =
        std::find_if(c.features.begin(), c.features.end(), [&](std::size_t i) { return header[i] == name; });
    if (found == c.features.end())
      missing.push_back(name);
    else
      by_name.push_back(*found);
  }
  const auto among = [&](const std::vector<std::string>& names, std::size_t i) {
    return std::find(names.begin(), names.end(), header[i]) != names.end();
  };
  for (const std::size_t i : c.features)
    if (!among(fitted->columns, i) && !among(fitted->table.left_out, i)) surplus.push_back(header[i]);
  if (!missing.empty() || !surplus.empty())
    fail<DataError>("{}: the weights were trained on the columns {}; missing here: {}; unknown: {}", c.path,
                    fmt::join(fitted->columns, ", "),
                    missing.empty() ? "none" : fmt::format("{}", fmt::join(missing, ", ")),
                    surplus.empty() ? "none" : fmt::format("{}", fmt::join(surplus, ", ")));
  c.features = by_name;
}

}  // namespace

std::optional<double> finite_number(std::string_view text) {
  const auto value = number_in(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

double CsvColumns::number(std::size_t row, std::size_t column) const {
  const std::string& text = table.rows[row][column];
  if (const auto value = finite_number(text)) return *value;
  const bool maybe_header = row == 0 && table.header.empty();
  fail<DataError>("{}: expected a {}number, found '{}'{}", place(row, column),
                  number_in(text) ? "finite " : "", text,
                  maybe_header ? " (header=yes if this line names the columns)" : "");
}

real CsvColumns::narrowed(std::size_t row, std::size_t column, double value) const {
  const auto r = static_cast<real>(value);
  if (!std::isfinite(r))
    fail<DataError>("{}: {} is beyond the range of {} (gradus64 computes in double)", place(row, column),
                    table.rows[row][column], kRealName);
  return r;
}

CsvColumns choose_columns(CsvTable table, const std::string& path, const std::string& target,
                          const ColumnChoice& choice, const DatasetInfo* fitted) {
  CsvColumns c;
  c.path = path;
  c.target = target_column(table, target);
  c.table = std::move(table);
  choose_features(c, choice, fitted);
  return c;
}

}  // namespace gradus
