#include "apps/bench/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/bench/machine.h"
#include "apps/bench/timing.h"
#include "apps/bench/workload.h"
#include "core/allocator.h"
#include "core/blas.h"
#include "core/error.h"
#include "core/threads.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kOptimizerPrefix = "optim:";

const Workload* find_training(const std::string& name) {
  for (const Workload& w : training_workloads())
    if (name == w.name) return &w;
  return nullptr;
}

std::int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * std::int64_t{1024};
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options) {}

  void run(const std::string& name) {
    if (const Workload* w = find_training(name)) {
      Json line = step(name, training_step(*w));
      const double seconds = line["step_s"], gflops = w->gflop / seconds;
      line["samples_per_s"] = static_cast<double>(w->batch) / seconds;
      line["gflops"] = gflops;
      line["percent_of_peak"] = 100 * gflops / peak();
      print(line);
    } else if (name.starts_with(kOptimizerPrefix)) {
      const Step s = optimizer_step(name.substr(kOptimizerPrefix.size()));
      Json line = step(name, s);
      line["parameters_per_s"] = static_cast<double>(s.parameters) / double(line["step_s"]);
      print(line);
    } else if (name == "gemm") {
      for (const int64 n : {64, 128, 256, 512, 1024, 2048}) {
        const double gflops = gemm_gflops(n, options_.seconds / 4);
        print({{"workload", name}, {"n", n}, {"gflops", gflops}, {"percent_of_peak", 100 * gflops / peak()}});
      }
    } else if (name == "stream") {
      print({{"workload", name}, {"gb_per_s", stream_gigabytes(options_.seconds)}});
    } else {
      print({{"workload", name}, {"gflops", peak()}, {"threads", threads()}, {"blas", blas_core()}});
    }
  }

 private:
  double peak() {
    if (!peak_) peak_ = peak_gflops(std::min(0.5, options_.seconds));
    return *peak_;
  }

  Json step(const std::string& name, const Step& s) {
    for (int i = 0; i < 2; ++i) s.run();
    const auto before = allocator_stats().system_allocations;
    int runs = 0;
    const Timing t = time_runs(options_.seconds, 10, [&] {
      s.run();
      ++runs;
    });
    const auto allocations = allocator_stats().system_allocations - before;
    return {{"workload", name},
            {"params", s.parameters},
            {"step_s", t.median},
            {"allocations_per_step", static_cast<double>(allocations) / runs},
            {"peak_rss", peak_rss_bytes()}};
  }

  void print(const Json& line) const {
    if (options_.json) {
      fmt::print("{}\n", line.dump());
    } else {
      std::string text;
      for (const auto& [key, value] : line.items())
        text += value.is_string()         ? fmt::format("{:<12}", value.get<std::string>())
                : value.is_number_float() ? fmt::format(" {} {:.4g}", key, value.get<double>())
                                          : fmt::format(" {} {}", key, value.dump());
      fmt::print("{}\n", text);
    }
    std::fflush(stdout);
  }

  BenchOptions options_;
  std::optional<double> peak_;
};

}  // namespace

std::vector<std::string> bench_workloads() {
  std::vector<std::string> names{"peak", "gemm", "stream"};
  for (const Workload& w : training_workloads()) names.emplace_back(w.name);
  for (const char* rule : {"sgd", "adam", "adabelief"}) names.push_back(std::string(kOptimizerPrefix) + rule);
  return names;
}

int run_bench(std::span<const std::string> workloads, const BenchOptions& options) {
  const std::vector<std::string> all = bench_workloads();
  for (const std::string& name : workloads)
    if (!name.starts_with(kOptimizerPrefix) && std::find(all.begin(), all.end(), name) == all.end())
      fail<UsageError>("{}", unknown_name("workload", name, all));
  if (!(options.seconds > 0)) fail<UsageError>("--time: needs a positive number of seconds");
  if (options.threads > 0) set_threads(options.threads);
  Bench bench(options);
  for (const std::string& name : workloads.empty() ? std::span<const std::string>(all) : workloads)
    bench.run(name);
  return 0;
}

}  // namespace gradus
