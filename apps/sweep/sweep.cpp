#include "apps/sweep/sweep.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "apps/train/run_summary.h"
#include "apps/train/scores.h"
#include "apps/train/trainer.h"
#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/error.h"
#include "core/threads.h"

extern char** environ;

namespace gradus {
namespace {

namespace fs = std::filesystem;

// A part of the run's length in its own unit, at least one.
void shorten(TrainConfig& config, int64 num, int64 den) {
  std::optional<int64>& length = config.steps ? config.steps : config.epochs;
  length = std::max<int64>(1, (length.value_or(5) * num + den - 1) / den);
}

bool same_length(const TrainConfig& a, const TrainConfig& b) {
  return a.steps == b.steps && (a.steps || a.epochs.value_or(5) == b.epochs.value_or(5));
}

std::string failure_file(const std::string& run) { return run + ".failed"; }

// Whether the run has all of this length, or failed.
bool is_done(const std::string& path, const TrainConfig& wanted) {
  if (fs::exists(failure_file(path))) return true;
  if (!fs::exists(fs::path(path) / "config.json") || !fs::exists(fs::path(path) / "model.safetensors"))
    return false;
  return same_length(RunDirectory::open(path).config(), wanted);
}

// The run's directory, made or taken up; a run that becomes longer is not finished any more.
TrainConfig prepared(const std::string& path, TrainConfig config, RunDirectory& run) {
  if (!fs::exists(fs::path(path) / "config.json")) {
    config = with_absolute_paths(config);
    run = RunDirectory::create(path, "", config);
    return config;
  }
  run = RunDirectory::open(path);
  TrainConfig own = run.config();
  own.steps = config.steps, own.epochs = config.epochs;
  own.threads = config.threads;
  fs::remove(run.file("model.safetensors"));
  run.write_config(own);
  if (run.has_checkpoint()) own.init.clear();
  return own;
}

void note_failure(const std::string& path, const std::string& what) {
  write_file(failure_file(path), what + "\n");
}

// False if it was stopped.
bool train_here(const std::string& path, const TrainConfig& config, const std::function<bool()>& stop) {
  RunDirectory run = RunDirectory::none();
  try {
    Trainer trainer(prepared(path, config, run));
    return trainer.train(run, true, stop);
  } catch (const Error& e) {
    if (!run.is_none()) run.discard();
    note_failure(path, e.what());
  }
  return true;
}

// One `gradus train` of its own.
struct Child {
  pid_t process = -1;
  std::string path;
};

Child spawn_run(const std::string& path, TrainConfig config, int jobs) {
  config.threads = std::max(1, threads() / jobs);
  RunDirectory run = RunDirectory::none();
  const bool fresh = !fs::exists(fs::path(path) / "config.json");
  const std::string settings = path + ".json", log = path + ".log";
  std::vector<std::string> words = {fs::read_symlink("/proc/self/exe").string(), "train", "--quiet"};
  if (fresh) {
    write_file(settings, config_json(with_absolute_paths(config)).dump(2) + "\n");
    words.insert(words.end(), {"--config", settings, "--out", path});
  } else {
    prepared(path, config, run);
    words.insert(words.end(), {"--resume", path, "--threads", std::to_string(config.threads)});
  }
  std::vector<char*> arguments;
  for (std::string& w : words) arguments.push_back(w.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  Child child{-1, path};
  const int error =
      ::posix_spawn(&child.process, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) fail<DataError>("cannot start {}: {}", words[0], std::strerror(error));
  return child;
}

// What a process that has ended leaves: nothing of the files that were for it alone; a failure where it was one.
void clean_up(const Child& child, int status) {
  const std::string log = child.path + ".log";
  constexpr int kStopped = 130;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code != 0 && code != kStopped) {
    std::string what = fs::exists(log) ? read_text_file(log) : "";
    what.erase(what.find_last_not_of('\n') + 1);
    what = what.substr(what.rfind('\n') + 1);
    if (what.starts_with("gradus: ")) what = what.substr(8);
    note_failure(child.path, what.empty() ? fmt::format("ended by signal or code {}", status) : what);
  }
  std::error_code ignored;
  fs::remove(log, ignored);
  fs::remove(child.path + ".json", ignored);
}

bool train_beside_each_other(const std::vector<std::pair<std::string, TrainConfig>>& todo, int jobs,
                             const std::function<bool()>& stop, const std::function<void()>& one_done) {
  std::vector<Child> running;
  size_t next = 0;
  bool stopping = false;
  while (next < todo.size() || !running.empty()) {
    if (!stopping && stop()) {
      stopping = true;
      for (const Child& c : running) ::kill(c.process, SIGTERM);  // they save what they have
    }
    while (!stopping && next < todo.size() && static_cast<int>(running.size()) < jobs) {
      running.push_back(spawn_run(todo[next].first, todo[next].second, jobs));
      ++next;
    }
    if (stopping && running.empty()) return false;
    for (size_t i = 0; i < running.size();) {
      int status = 0;
      if (::waitpid(running[i].process, &status, WNOHANG) == 0) {
        ++i;
        continue;
      }
      clean_up(running[i], status);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
      one_done();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return !stopping;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? std::nan("") : sum / static_cast<double>(values.size());
}

}  // namespace

std::string SweepFolder::run(size_t trial, int64 seed_number) const {
  return fmt::format("{}/trial-{}-s{}", path, trial + 1, seed_number);
}

std::vector<std::pair<int64, int64>> rungs_of(const SweepPlan& plan) {
  if (plan.halving < 2) return {{1, 1}};
  std::vector<std::pair<int64, int64>> rungs;
  int64 den = 1;
  for (auto left = static_cast<int64>(plan.trials.size()); left >= plan.halving; left /= plan.halving)
    den *= plan.halving;
  for (; den >= 1; den /= plan.halving) rungs.emplace_back(1, den);
  return rungs;
}

bool larger_is_better(const SweepFolder& folder, const SweepPlan& plan, std::string& metric) {
  for (size_t t = 0; t < plan.trials.size(); ++t)
    for (int64 s = 0; s < plan.seeds; ++s) try {
        if (!fs::exists(fs::path(folder.run(t, s)) / "metrics.jsonl")) continue;
        metric = summarize(folder.run(t, s)).metric;
        return std::any_of(metrics().begin(), metrics().end(),
                           [&](const Metric& m) { return metric == m.name && m.larger; });
      } catch (const Error&) {
      }
  return true;
}

std::vector<SweepResult> sweep_results(const SweepFolder& folder, const SweepPlan& plan) {
  std::string metric;
  const bool larger = larger_is_better(folder, plan, metric);
  const auto rungs = rungs_of(plan);
  std::vector<SweepResult> all;
  std::vector<size_t> reached;
  for (size_t t = 0; t < plan.trials.size(); ++t) {
    SweepResult r{.trial = t};
    size_t rung = rungs.size();  // the least that all seeds have
    for (int64 s = 0; s < plan.seeds; ++s) {
      const std::string path = folder.run(t, s);
      if (fs::exists(failure_file(path))) {
        r.state = "failed: " + read_text_file(failure_file(path));
        r.state.erase(r.state.find_last_not_of('\n') + 1);
      }
      size_t done = 0;
      if (fs::exists(fs::path(path) / "config.json")) try {
          const RunSummary run = summarize(path);
          TrainConfig full = plan.config(t, s);
          for (size_t k = 0; k < rungs.size(); ++k) {
            TrainConfig part = full;
            shorten(part, rungs[k].first, rungs[k].second);
            if (run.finished && same_length(run.config, part)) done = k + 1;
          }
          if (run.last) r.steps = static_cast<double>(run.last->step), r.seconds += run.last->seconds;
          if (run.best && std::isfinite(run.best->score)) r.scores.push_back(run.best->score);
        } catch (const Error& e) {
          r.state = std::string("failed: ") + e.what();
        }
      rung = std::min(rung, done);
    }
    r.mean = mean_of(r.scores);
    double squares = 0;
    for (const double v : r.scores) squares += (v - r.mean) * (v - r.mean);
    r.deviation = r.scores.size() > 1 ? std::sqrt(squares / static_cast<double>(r.scores.size() - 1)) : 0;
    r.finished = rung == rungs.size();
    if (r.state.empty())
      r.state = r.finished         ? "finished"
                : rung > 0         ? fmt::format("rung {} of {}", rung, rungs.size())
                : r.scores.empty() ? "not run"
                                   : "not finished";
    all.push_back(r);
    reached.push_back(rung);
  }
  std::stable_sort(all.begin(), all.end(), [&](const SweepResult& a, const SweepResult& b) {
    const bool x = std::isnan(a.mean) || a.state.starts_with("failed"),
               y = std::isnan(b.mean) || b.state.starts_with("failed");
    if (x != y) return y;
    if (x) return false;
    if (reached[a.trial] != reached[b.trial]) return reached[a.trial] > reached[b.trial];
    return larger ? a.mean > b.mean : a.mean < b.mean;
  });
  return all;
}

bool run_sweep(const SweepFolder& folder, const SweepPlan& plan, const SweepOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto stop = [&] {
    if (options.stop && options.stop()) return true;
    return options.budget &&
           std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > *options.budget;
  };
  const auto rungs = rungs_of(plan);
  std::vector<size_t> alive(plan.trials.size());
  for (size_t t = 0; t < alive.size(); ++t) alive[t] = t;
  for (size_t k = 0; k < rungs.size(); ++k) {
    if (k > 0) {  // the best of the rung before go on
      const size_t keep = std::max<size_t>(1, alive.size() / static_cast<size_t>(plan.halving));
      std::string metric;
      const bool larger = larger_is_better(folder, plan, metric);
      const std::vector<SweepResult> results = sweep_results(folder, plan);
      std::vector<std::pair<double, size_t>> order;
      for (const SweepResult& r : results)
        if (std::find(alive.begin(), alive.end(), r.trial) != alive.end() && !std::isnan(r.mean) &&
            !r.state.starts_with("failed"))
          order.emplace_back(r.mean, r.trial);
      // Runs that went on before an interruption have scores of more training: they had been chosen.
      std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
        const auto further = [&](size_t t) {
          const std::string path = folder.run(t, 0);
          TrainConfig before = plan.config(t, 0);
          shorten(before, rungs[k - 1].first, rungs[k - 1].second);
          return !same_length(RunDirectory::open(path).config(), before);
        };
        const bool x = further(a.second), y = further(b.second);
        return x != y ? x : larger ? a.first > b.first : a.first < b.first;
      });
      alive.clear();
      for (size_t i = 0; i < std::min(keep, order.size()); ++i) alive.push_back(order[i].second);
      std::sort(alive.begin(), alive.end());
      if (options.say)
        options.say(fmt::format("rung {} of {}: {} of {} trials go on", k + 1, rungs.size(), alive.size(),
                                plan.trials.size()));
    }
    std::vector<std::pair<std::string, TrainConfig>> todo;
    for (const size_t t : alive)
      for (int64 s = 0; s < plan.seeds; ++s) {
        TrainConfig config = plan.config(t, s);
        shorten(config, rungs[k].first, rungs[k].second);
        // (A later rung may have begun already.)
        bool beyond = false;
        for (size_t later = k; later < rungs.size() && !beyond; ++later) {
          TrainConfig part = plan.config(t, s);
          shorten(part, rungs[later].first, rungs[later].second);
          beyond = is_done(folder.run(t, s), part) ||
                   (later > k && fs::exists(fs::path(folder.run(t, s)) / "config.json") &&
                    same_length(RunDirectory::open(folder.run(t, s)).config(), part));
        }
        if (!beyond) todo.emplace_back(folder.run(t, s), config);
      }
    const auto all = static_cast<int64>(todo.size());
    int64 done = 0;
    const auto one_done = [&] {
      ++done;
      if (options.progress) options.progress(done, all);
    };
    if (options.jobs > 1) {
      if (!train_beside_each_other(todo, options.jobs, stop, one_done)) return false;
      continue;
    }
    for (auto& [path, config] : todo) {
      if (stop()) return false;
      config.threads = threads();
      if (!train_here(path, config, stop)) return false;
      one_done();
    }
  }
  return true;
}

}  // namespace gradus
