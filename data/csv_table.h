// CSV as text: fields, rows, the header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/real.h"

namespace gradus {

/// A table as text, RFC 4180: fields may be quoted, quotes in quotes are doubled, lines end in LF or CRLF.
struct CsvTable {
  std::vector<std::string> header;             ///< the names of the columns, if the first line has them
  std::vector<std::vector<std::string>> rows;  ///< all of equal length
  std::vector<int64> lines;                    ///< line of the file each row begins in, from 1

  /// "FILE: line 3, column 1 (name)": a place for messages.
  std::string place(const std::string& file, std::size_t row, std::size_t column) const;
};

enum class CsvHeader {
  kAuto,  ///< the first line is one if no field of it is a number
  kYes,
  kNo
};

/// Throws DataError naming file, line and expectation: rows of different length, a quote that is not closed, bytes
/// that are not UTF-8.
CsvTable parse_csv(std::string_view text, const std::string& name, char separator = ',',
                   CsvHeader header = CsvHeader::kAuto);

}  // namespace gradus
