// CSV tables: a row an example, numbers in all columns but the target.
#pragma once

#include "data/registry.h"

namespace gradus {

/// A table as text, RFC 4180: fields may be quoted, quotes in quotes are doubled, lines end in LF or CRLF.
struct CsvTable {
  std::vector<std::string> header;             ///< empty if the first line holds numbers only
  std::vector<std::vector<std::string>> rows;  ///< all of equal length
  std::vector<int64> lines;                    ///< line of the file each row begins in, from 1
};
/// Throws DataError naming file, line and expectation: rows of different length, a quote that is not closed.
CsvTable parse_csv(std::string_view text, const std::string& name, char separator = ',');

struct CsvOptions {
  std::string path, target = "last", task = "auto", separator = "comma";
  double test = 0.2;
  int64 seed = 0;
  bool standardize = true;

  void visit(auto&& f) {
    f("path", path, "the file; plain or .gz");
    f("target", target, "the column to predict: first, last, its name, or its number from 0");
    f("task", task, "auto: classification if the target is words or at most 100 distinct integers",
      choices({"auto", "classification", "regression"}));
    f("separator", separator, "what stands between fields", choices({"comma", "semicolon", "tab", "space"}));
    f("test", test, "part of the rows, drawn at random, that is the test set", Limits{0, 1, true, true});
    f("seed", seed, "of that draw", at_least(0));
    f("standardize", standardize, "bring each column to mean 0 and deviation 1 over the training rows");
  }
};
Data open_csv(const CsvOptions& options);

}  // namespace gradus
