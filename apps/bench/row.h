// One line of results.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/real.h"

namespace gradus::bench {

struct Row {
  std::string workload;  ///< as asked for
  std::string part;      ///< of a workload with several rows: which ("n=1024", "hvp"); else ""
  std::optional<int64> params{};
  double step_s = 0;  ///< median
  std::optional<double> samples_per_s{}, gflops{}, percent_of_peak{}, allocations_per_step{};
  std::int64_t peak_rss = 0;
  std::vector<std::pair<std::string, double>> more{};  ///< what only this workload has
};

/// One JSON object and a newline. Every row has the same keys (null where they mean nothing), then its own.
std::string json_line(const Row& row);
/// The line above a table of rows, and a row of it.
std::string table_head();
std::string table_line(const Row& row);

}  // namespace gradus::bench
