// Which columns of a table are what, and the numbers in them.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/csv_table.h"
#include "data/dataset.h"

namespace gradus {

/// The number that a field spells, if it spells a finite one.
std::optional<double> finite_number(std::string_view text);

struct CsvColumns {
  CsvTable table;
  std::string path;
  std::size_t target = 0;
  std::vector<std::size_t> features;  ///< in the order of the example

  std::string place(std::size_t row, std::size_t column) const { return table.place(path, row, column); }
  const std::string& target_of(std::size_t row) const { return table.rows[row][target]; }
  std::string target_name() const {
    return table.header.empty() ? fmt::format("column {}", target) : "'" + table.header[target] + "'";
  }
  /// The finite number at a place. Throws DataError naming file, line and column.
  double number(std::size_t row, std::size_t column) const;
  /// `value`, of that place, as `real`. Throws DataError likewise where it is too large.
  real narrowed(std::size_t row, std::size_t column, double value) const;
};

/// Patterns of column names, joined by +; without a header columns are called by their numbers from 0.
struct ColumnChoice {
  std::string columns, drop;  ///< columns: empty for all
};

/// `target` is first, last, a column's name or its number. The others, as far as chosen, are the example; where the weights (`fitted`)
/// know their columns it is these, by name where both have names, else by place. Throws UsageError for a target or a chosen column there is not,
/// DataError for columns that the weights do not know or that are missing.
CsvColumns choose_columns(CsvTable table, const std::string& path, const std::string& target,
                          const ColumnChoice& choice, const DatasetInfo* fitted);

}  // namespace gradus
