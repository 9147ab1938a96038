#include "apps/bench/row.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "core/blas.h"
#include "core/threads.h"

namespace gradus::bench {
namespace {

// "1.23 ms": three significant digits in the unit that suits.
std::string duration_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.3g} ms", seconds * 1e3) : fmt::format("{:.3g} s", seconds);
}

std::string table_cells(const std::string& workload, const std::string& params, const std::string& step,
                        const std::string& samples, const std::string& gflops, const std::string& peak,
                        const std::string& allocations, const std::string& memory) {
  return fmt::format("{:<28} {:>9} {:>9} {:>10} {:>8} {:>7} {:>7} {:>8}", workload, params, step, samples,
                     gflops, peak, allocations, memory);
}

}  // namespace

std::string json_line(const Row& row) {
  nlohmann::ordered_json json;
  const auto set = [&](const char* key, const auto& value) {
    json[key] = value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  };
  json["workload"] = row.workload;
  if (!row.part.empty()) json["part"] = row.part;
  set("params", row.params);
  json["step_s"] = row.step_s;
  set("samples_per_s", row.samples_per_s);
  set("gflops", row.gflops);
  set("percent_of_peak", row.percent_of_peak);
  set("allocations_per_step", row.allocations_per_step);
  json["peak_rss"] = row.peak_rss;
  for (const auto& [key, value] : row.more) json[key] = value;
  json["threads"] = threads();
  json["blas"] = blas_core();
  return json.dump() + "\n";
}

std::string table_head() {
  return table_cells("workload", "params", "step", "samples/s", "GFLOP/s", "of peak", "allocs", "peak RSS") +
         "\n";
}

std::string table_line(const Row& row) {
  const auto cell = [](const auto& value, const auto& text) {
    return value ? text(static_cast<double>(*value)) : std::string("-");
  };
  const auto one_digit = [](double v) { return fmt::format("{:.3g}", v); };
  std::string line = table_cells(
      row.part.empty() ? row.workload : row.workload + " " + row.part, cell(row.params, short_count),
      row.step_s > 0 ? duration_text(row.step_s) : "-", cell(row.samples_per_s, short_count),
      cell(row.gflops, [](double v) { return fmt::format("{:.1f}", v); }),
      cell(row.percent_of_peak, [](double v) { return fmt::format("{:.1f} %", v); }),
      cell(row.allocations_per_step, one_digit),
      fmt::format("{:.0f} MB", static_cast<double>(row.peak_rss) / 1e6));
  for (const auto& [key, value] : row.more)
    if (value != 0) line += fmt::format("  {} {:.4g}", key, value);
  return line + "\n";
}

}  // namespace gradus::bench
