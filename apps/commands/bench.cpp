// gradus bench: how fast training steps, optimizers, derivatives and the loader are on this machine.
#include "apps/bench/bench.h"

#include <cstdio>

#include "apps/cli/blas_kernels.h"
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/thread_count.h"
#include "core/blas.h"
#include "core/threads.h"

namespace gradus {
namespace {

struct BenchFlags {
  bool json = false;
  int threads = 0;
  double time = 1;
  std::string optim;
  int64 batch_size = 0;
  bool recompute = false;

  void visit(auto&& f) {
    f("json", json, "print one JSON object a line");
    f("threads", threads, "threads; 0: one a processor", at_least(0));
    f("time", time, "seconds to measure each figure for, after warm-up; at least ten steps", positive());
    f("optim", optim, "optimizer of the training steps, instead of each workload's own");
    f("batch_size", batch_size, "batch size of the training steps; 0: each workload's own", at_least(0));
    f("recompute", recompute, "training steps compute the activations of blocks again in the backward pass");
  }
};

int run_bench(const BenchFlags& flags, std::vector<std::string> names) {
  use_threads(flags.threads);
  if (names.empty())
    for (const bench::Entry& entry : bench::workloads())
      if (!entry.on_request) names.push_back(entry.name);
  bool begun = false;
  const auto use = [&](const bench::Row& row) {
    if (!std::exchange(begun, true) && !flags.json) print(bench::table_head());
    print(flags.json ? bench::json_line(row) : bench::table_line(row));
    std::fflush(stdout);
  };
  note(fmt::format("gradus bench: {} threads, {}, {} kernels\n", threads(), blas_version(), blas_core()));
  if (const std::string warning = blas_warning(); !warning.empty())
    note(fmt::format("gradus bench: {}\n", warning));
  bench::run(names,
             {.seconds = flags.time,
              .optimizer = flags.optim,
              .batch = flags.batch_size,
              .recompute = flags.recompute},
             use);
  return kOk;
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("bench", "measure training steps, optimizers, the machine's limits");
  auto given = std::make_shared<OptionList>();
  auto names = std::make_shared<std::vector<std::string>>();
  sub->add_option("WORKLOAD", *names, "what to measure; all if none is named")->type_name("...");
  add_flags<BenchFlags>(*sub, given);
  std::string footer = "Workloads:\n";
  for (const bench::Entry& entry : bench::workloads())
    footer += fmt::format("  {:<24}{}\n", entry.name, entry.summary);
  sub->footer(footer);
  sub->callback([=, &action] {
    action = [=] {
      BenchFlags flags;
      assign(flags, *given);
      return run_bench(flags, *names);
    };
  });
}

}  // namespace gradus
