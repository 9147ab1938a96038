#include "apps/bench/bench.h"

#include <fmt/format.h>

#include "apps/bench/autodiff.h"
#include "apps/bench/division.h"
#include "apps/bench/hypergradient.h"
#include "apps/bench/loader_speed.h"
#include "apps/bench/machine.h"
#include "apps/bench/memory.h"
#include "apps/bench/workload.h"
#include "core/allocator.h"
#include "core/error.h"
#include "optim/problems/registry.h"

namespace gradus::bench {
namespace {

constexpr std::string_view kOptimizer = "optim:", kProblem = "problem:";

const Workload* find_training(const std::string& name) {
  for (const auto* named : {&training_workloads(), &large_workloads()})
    for (const Workload& w : *named)
      if (name == w.name) return &w;
  return nullptr;
}

class Bench {
 public:
  Bench(const Options& options, const std::function<void(const Row&)>& use) : options_(options), use_(use) {}

  void run(const std::string& name) {
    reset_peak_rss();
    if (const Workload* w = find_training(name))
      training(*w);
    else if (name.starts_with(kOptimizer))
      optimizer(name);
    else if (name.starts_with(kProblem))
      problem(name);
    else if (name == "gemm")
      gemm();
    else if (name == "stream")
      stream();
    else if (name == "autodiff")
      autodiff();
    else if (name == "forward-gradient")
      forward_gradient();
    else if (name == "hypergradient")
      hypergradient();
    else if (name == "division")
      division();
    else if (name == "loader")
      loader();
    else
      emit({.workload = name, .gflops = peak(), .percent_of_peak = 100});
  }

 private:
  double peak() {
    if (!peak_) peak_ = peak_gflops(std::min(0.5, options_.seconds));
    return *peak_;
  }
  void emit(Row row) {
    row.peak_rss = peak_rss();
    use_(row);
  }

  // Fills in what every repeated step has. `beside` is timed in turns with it.
  std::vector<Timing> measure(Row& row, const Step& step,
                              const std::vector<std::function<void()>>& beside = {}) {
    row.params = step.parameters;
    int runs = 0;
    std::uint64_t allocations = 0;
    std::int64_t faults = 0;
    std::vector<std::function<void()>> pieces = beside;
    pieces.insert(pieces.begin(), [&] {
      const auto before = allocator_stats().system_allocations;
      const auto touched = page_faults();
      step.run();
      if (++runs <= 3) return;  // warm-up
      allocations += allocator_stats().system_allocations - before;
      faults += page_faults() - touched;
    });
    const auto timings = time_in_turns(options_.seconds, 10, pieces);
    row.step_s = timings[0].median;
    row.allocations_per_step = static_cast<double>(allocations) / (runs - 3);
    row.more.emplace_back("page_faults_per_step", static_cast<double>(faults) / (runs - 3));
    return timings;
  }

  void training(const Workload& w) {
    Row row{.workload = w.name};
    const int64 batch = options_.batch ? options_.batch : w.batch;
    const double bound = peak();
    const Step step = training_step(w, options_.optimizer, batch, options_.recompute);
    reset_peak_memory();
    measure(row, step);
    row.more.emplace_back("peak_tensor_bytes", static_cast<double>(allocator_stats().peak_bytes_in_use));
    row.samples_per_s = static_cast<double>(batch) / row.step_s;
    row.gflops = w.gflop * static_cast<double>(batch) / static_cast<double>(w.batch) / row.step_s;
    row.percent_of_peak = 100 * *row.gflops / bound;
    emit(row);
  }

  void optimizer(const std::string& name) {
    Row row{.workload = name};
    {
      const Step alone = optimizer_step(name.substr(kOptimizer.size()));
      for (int i = 0; i < 3; ++i) alone.run();
      row.peak_rss = peak_rss();  // before the vectors of the triad
      const MemoryPass triad = triad_pass(alone.bytes);
      const auto t = measure(row, alone, {triad.run});
      row.more.emplace_back("ns_per_parameter", row.step_s / static_cast<double>(alone.parameters) * 1e9);
      row.more.emplace_back("bytes", alone.bytes);
      row.more.emplace_back("gb_per_s", alone.bytes / row.step_s * 1e-9);
      row.more.emplace_back("triad_s", t[1].median);
      row.more.emplace_back("times_triad", row.step_s / t[1].median);
    }
    use_(row);
  }

  void problem(const std::string& name) {
    Row row{.workload = name};
    measure(row, problem_step(name.substr(kProblem.size()),
                              options_.optimizer.empty() ? "adam" : options_.optimizer));
    emit(row);
  }

  void gemm() {
    const double bound = peak();
    for (const int64 n : {64, 128, 256, 512, 1024, 2048}) {
      const Timing t = time_gemm(n, options_.seconds / 4);
      const double flop = 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
      Row row{.workload = "gemm", .part = fmt::format("n={}", n), .step_s = t.median};
      row.gflops = flop / t.median * 1e-9;
      row.percent_of_peak = 100 * *row.gflops / bound;
      row.more.emplace_back("best_gflops", flop / t.best * 1e-9);
      emit(row);
    }
  }

  void stream() {
    const auto passes = memory_passes(kStreamBytes);
    std::vector<std::function<void()>> pieces;
    for (const MemoryPass& pass : passes) pieces.push_back(pass.run);
    const auto timings = time_in_turns(options_.seconds, 10, pieces);
    for (std::size_t i = 0; i < passes.size(); ++i) {
      Row row{.workload = "stream", .part = passes[i].name, .step_s = timings[i].median};
      row.more.emplace_back("gb_per_s", passes[i].bytes / timings[i].median * 1e-9);
      row.more.emplace_back("best_gb_per_s", passes[i].bytes / timings[i].best * 1e-9);
      emit(row);
    }
  }

  void autodiff() {
    for (const auto& [model, batch] : {std::pair{"mlp", 128}, {"lenet", 64}}) {
      const AutodiffCosts c = measure_autodiff(model, batch, options_.seconds / 4);
      const auto kind = [&, n = batch](const char* what, double seconds) {
        Row row{.workload = "autodiff", .part = fmt::format("{} {}", c.model, what), .step_s = seconds};
        row.samples_per_s = n / seconds;
        row.more.emplace_back("times_forward", seconds / c.forward);
        emit(row);
      };
      kind("forward", c.forward), kind("gradient", c.gradient), kind("vjp", c.vjp);
      kind("jvp inputs", c.jvp_inputs), kind("jvp params", c.jvp_params);
      kind("hvp", c.hvp), kind("ggn", c.ggn);
    }
    for (const char* model : {"mlp", "lenet"}) {
      const PerSampleCosts p = measure_per_sample(model, 128, options_.seconds / 4);
      const auto kind = [&](const char* what, double seconds) {
        Row row{.workload = "autodiff", .part = fmt::format("{} {}", p.model, what), .step_s = seconds};
        row.samples_per_s = static_cast<double>(p.batch) / seconds;
        row.more.emplace_back("times_gradient", seconds / p.gradient);
        row.more.emplace_back("faster_than_one_by_one", p.one_by_one / seconds);
        emit(row);
      };
      kind("per sample", p.closed), kind("per-sample norms", p.norms), kind("one by one", p.one_by_one);
    }
    const ChainCosts chain = measure_chain(100000);
    Row row{.workload = "autodiff", .part = "chain"};
    row.step_s = (chain.record + chain.differentiate) * 1e-9 * static_cast<double>(chain.length);
    row.more = {{"ns_to_record", chain.record}, {"ns_to_differentiate", chain.differentiate}};
    emit(row);
  }

  void forward_gradient() {
    for (const auto& [model, batch] :
         {std::pair{"mlp:hidden=256-256", 64}, {"mlp:hidden=256-256", 512}, {"lenet", 64}}) {
      const ForwardGradientCosts c = measure_forward_gradient(model, batch, options_.seconds / 2);
      const auto kind = [&, n = batch](const char* what, double seconds) {
        Row row{.workload = "forward-gradient",
                .part = fmt::format("{} batch {}: {}", c.model, n, what),
                .step_s = seconds};
        row.samples_per_s = n / seconds;
        row.more.emplace_back("times_forward", seconds / c.forward);
        emit(row);
      };
      kind("forward", c.forward), kind("signs", c.signs), kind("normals", c.normals);
      kind("backpropagation", c.gradient);
    }
  }

  void division() {
    constexpr double kStart =
        1e-7;  // core/kernels/README.md: 0.3 to 0.9 us for a loop on two threads, most of it once
    for (const Workload& w : training_workloads()) {
      const Step step = training_step(w, options_.optimizer, options_.batch);
      for (const int threads : {2, 4, 8, 16, 64}) {
        const DividedStep d = divided_step(threads, median_division(threads, 3, step.run), kStart);
        Row row{.workload = "division", .part = fmt::format("{} on {}", w.name, threads), .step_s = d.step_s};
        row.more = {{"times_faster", d.ratio}, {"outside_loops", d.outside}, {"balance", d.balance}};
        emit(row);
      }
    }
  }

  void hypergradient() {
    const HypergradientCosts c = measure_hypergradient(10000, 5, options_.seconds);
    const auto kind = [&](const std::string& what, double seconds, double bytes) {
      Row row{.workload = "hypergradient", .part = what, .params = c.hyperparameters, .step_s = seconds};
      row.more = {{"times_gradient", seconds / c.gradient},
                  {"bytes", bytes},
                  {"memory_times_gradient", bytes / c.gradient_bytes},
                  {"vectors", bytes / (static_cast<double>(c.hyperparameters) * sizeof(real))}};
      emit(row);
    };
    kind("gradient", c.gradient, c.gradient_bytes);
    kind(fmt::format("implicit, {} terms", c.terms), c.implicit, c.implicit_bytes);
  }

  void loader() {
    for (const LoaderSpeed& s : measure_loader(options_.seconds / 2)) {
      const double n = static_cast<double>(s.batch);
      Row row{
          .workload = "loader", .part = s.name, .step_s = s.made.median, .samples_per_s = n / s.made.median};
      row.more.emplace_back("prefetched_samples_per_s", n / s.waited.median);
      emit(row);
    }
  }

  static constexpr double kStreamBytes =
      288e6;  // what Adam moves at 10,000,000 parameters, and a little more

  const Options& options_;
  const std::function<void(const Row&)>& use_;
  std::optional<double> peak_;
};

}  // namespace

const std::vector<Entry>& workloads() {
  static const std::vector<Entry> table = [] {
    std::vector<Entry> all;
    for (const auto* named : {&training_workloads(), &large_workloads()})
      for (const Workload& w : *named)
        all.push_back({w.name,
                       fmt::format("one training step of {}, batch {}, {}{}", w.model, w.batch, w.optimizer,
                                   w.adapter ? fmt::format(", {} alone and the head", w.adapter) : ""),
                       named == &large_workloads()});
    for (const char* rule : {"sgd:momentum=0.9", "adam", "adabelief"})
      all.push_back(
          {std::string(kOptimizer) + rule, "one step on 10,000,000 parameters; any optimizer instead"});
    for (const ProblemEntry& p : problems())
      all.push_back({std::string(kProblem) + p.name, fmt::format("one step of adam, {}", p.summary)});
    all.push_back({"gemm", "square products of order 64 to 2048"});
    all.push_back({"stream", "plain passes over memory"});
    all.push_back({"autodiff", "vjp, jvp, Hessian and Gauss-Newton products, per-sample gradients"});
    all.push_back({"forward-gradient", "steps by forward gradients in forward passes, draws included"});
    all.push_back({"hypergradient", "implicit differentiation in 1,000,000 hyperparameters: time, memory"});
    all.push_back({"division",
                   "training steps cut for 2 to 64 threads, parts timed one by one: what they would take",
                   true});
    all.push_back({"loader", "batches normalised, augmented, collated"});
    all.push_back({"peak", "multiply-adds in registers: what shares of peak refer to"});
    return all;
  }();
  return table;
}

void run(std::span<const std::string> names, const Options& options,
         const std::function<void(const Row&)>& use) {
  std::vector<std::string> all;
  for (const Entry& entry : workloads())
    if (!entry.name.starts_with(kOptimizer)) all.push_back(entry.name);
  all.push_back(std::string(kOptimizer) + "NAME");
  for (const std::string& name : names) {
    if (name.starts_with(kOptimizer))
      check_optimizer(name.substr(kOptimizer.size()));
    else if (name.starts_with(kProblem))
      make_problem(name.substr(kProblem.size()), Rng(1));
    else if (std::find(all.begin(), all.end() - 1, name) == all.end() - 1)
      throw UsageError(unknown_name("workload", name, all));
  }
  if (!options.optimizer.empty()) check_optimizer(options.optimizer);
  Bench bench(options, use);
  for (const std::string& name : names) bench.run(name);
}

}  // namespace gradus::bench
