// Columns of a table as numbers: words become categories, what is missing gets a stand-in. Fitted on training rows, kept with the
// weights (DatasetInfo::table), applied to every other table.
//   number       x; where it is missing the mean over the training rows
//   categories   one number a category: 1 for the one the example has, else 0 (so the weights of the first linear layer that read
//                them are an embedding of the categories); a category that the training rows have not: all 0
//   indicator    of either, where training rows miss values: one more number, 1 where the value is missing
#pragma once

#include <string>
#include <vector>

#include "data/csv_columns.h"

namespace gradus {

/// Empty, NA, N/A, NaN, null or ?, in any case.
bool is_missing(std::string_view field);

struct TableChoice {
  std::string categories;     ///< patterns of columns whose values are categories also where they are numbers
  bool fill_missing = false;  ///< else a missing value is an error
};

/// Throws DataError, with file, line and column, for words among numbers, for dates, for missing values that may not be, and for a column
/// of words that are nearly all different. What was decided is added to `notes`.
TableInfo fit_table(const CsvColumns& columns, const TableChoice& choice, const std::vector<int64>& rows,
                    std::vector<std::string>& notes);

/// The numbers of each row (N,D). A column that `table` says nothing of (a table without columns) is a number. Categories that it has not, and
/// missing values of columns that missed none in training, are said in `notes`. Throws DataError likewise.
std::vector<double> encode_table(const CsvColumns& columns, const TableInfo& table,
                                 std::vector<std::string>& notes);

/// Numbers that a column becomes.
int64 numbers_of(const TableColumn& column);
/// For each number of an example whether it is to be standardised: categories and indicators are not.
std::vector<bool> measured_numbers(const TableInfo& table);

/// Whether one of the patterns, joined by +, matches a column; without a header columns are called by their numbers from 0.
bool matches_patterns(const std::string& patterns, const CsvTable& table, std::size_t column);
/// Throws UsageError, opened by `option`, for a pattern that no column matches.
void check_patterns(const std::string& option, const std::string& patterns, const CsvTable& table);

}  // namespace gradus
