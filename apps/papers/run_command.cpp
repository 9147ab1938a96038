#include "apps/papers/run_command.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "apps/cli/terminal.h"
#include "apps/papers/harness.h"
#include "apps/papers/jobs.h"
#include "apps/papers/zoo/zoo.h"
#include "apps/train/interrupt.h"
#include "core/error.h"
#include "core/glob.h"
#include "core/threads.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// Processors, before any run sets the number of threads.
int processors() {
  static const int count = threads();
  return count;
}

int jobs_of(const PapersRun& run) {
  return static_cast<int>(run.jobs.value_or(run.quick ? 1 : processors()));
}

PlanOptions plan_options(const PapersRun& run, const std::string& folder) {
  return {.seeds = run.seeds,
          .first_seed = run.first_seed,
          .quick = run.quick,
          .threads = static_cast<int>(run.threads.value_or(std::max(1, processors() / jobs_of(run)))),
          .data_dir = run.data_dir,
          .folder = folder};
}

Experiment experiment_of(const Paper& paper) {
  if (!paper.experiment) fail<UsageError>("paper {} has no experiment", paper.slug);
  Experiment experiment;
  paper.experiment(experiment);
  return experiment;
}

// Keeps a second command out of the folder while alive.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    const std::string path = folder + "/lock";
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (error || file_ < 0) fail<DataError>("{}: cannot be written", folder);
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      ::close(file_);
      fail<UsageError>("{}: another command runs an experiment there", folder);
    }
  }
  ~FolderLock() { ::close(file_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) {
      const size_t colon = line.find(':');
      if (colon != std::string::npos && colon + 2 <= line.size()) return line.substr(colon + 2);
    }
  return "unknown processor";
}

// The command without what changes no figure.
std::string command_text(const Paper& paper, const PapersRun& run) {
  std::string text = (sizeof(real) == 8 ? "gradus64 papers run " : "gradus papers run ") + paper.slug;
  if (run.seeds) text += fmt::format(" --seeds {}", *run.seeds);
  if (run.first_seed) text += fmt::format(" --first-seed {}", run.first_seed);
  if (run.quick) text += " --quick";
  return text;
}

// This program with the arguments of a worker.
std::vector<std::string> worker_command(const Paper& paper, const PlanOptions& plan) {
  std::error_code error;
  const std::string self = fs::read_symlink("/proc/self/exe", error).string();
  if (error) fail<DataError>("cannot find this program in /proc/self/exe; --jobs 1 needs it not");
  std::vector<std::string> command = {self,           "papers",
                                      "worker",       paper.slug,
                                      "--parent",     fmt::format("{}", ::getpid()),
                                      "--out",        plan.folder,
                                      "--first-seed", fmt::format("{}", plan.first_seed),
                                      "--threads",    fmt::format("{}", plan.threads)};
  const auto add = [&](const char* flag, const std::string& value) {
    command.emplace_back(flag);
    command.push_back(value);
  };
  if (plan.seeds) add("--seeds", fmt::format("{}", *plan.seeds));
  if (!plan.data_dir.empty()) add("--data-dir", plan.data_dir);
  if (plan.quick) command.emplace_back("--quick");
  return command;
}

}  // namespace

std::vector<const Paper*> select_papers(const std::vector<std::string>& patterns, const std::string& family) {
  std::vector<std::string> families;
  for (const Paper& p : papers())
    if (std::find(families.begin(), families.end(), p.family) == families.end()) families.push_back(p.family);
  if (!family.empty() && std::find(families.begin(), families.end(), family) == families.end())
    throw UsageError(unknown_name("family", family, families));
  const std::vector<std::string> all = {"*"};
  std::vector<const Paper*> selected;
  std::vector<bool> taken(papers().size());
  for (const std::string& pattern : patterns.empty() ? all : patterns) {
    if (pattern == zoo().slug && family.empty()) {
      selected.push_back(&zoo());
      continue;
    }
    bool found = false;
    for (size_t i = 0; i < papers().size(); ++i)
      if (glob_match(pattern, papers()[i].slug) && (family.empty() || papers()[i].family == family))
        found = taken[i] = true;
    if (found) continue;
    find_paper(pattern);  // throws with the nearest name
    fail<UsageError>("paper {} is not of the family {}", pattern, family);
  }
  for (size_t i = 0; i < papers().size(); ++i)
    if (taken[i]) selected.push_back(&papers()[i]);
  return selected;
}

std::optional<Record> run_paper(const Paper& paper, const PapersRun& run, const std::string& folder) {
  const Experiment experiment = experiment_of(paper);
  const PlanOptions options = plan_options(run, folder);
  const Plan plan(paper.slug, experiment, options);
  const FolderLock lock(folder);
  PaperProgress progress(run.quiet, paper.slug);
  const Store store(folder, [&](const std::string& line) { progress.message(line); });
  if (run.fresh) store.clear();
  const int jobs = jobs_of(run);
  const InterruptScope signals;
  std::unique_ptr<Crew> crew;
  if (jobs == 1)
    crew = std::make_unique<OwnCrew>(plan, store);
  else
    crew = std::make_unique<Jobs>(jobs, worker_command(paper, options));
  try {
    Record record = run_experiment(plan, store, *crew, progress, interrupted);
    record.command = command_text(paper, run);
    record.version = fmt::format("gradus {} ({})", GRADUS_VERSION, kRealName);
    record.machine = fmt::format("{}, {} job{} of {} thread{}", processor_name(), jobs, jobs > 1 ? "s" : "",
                                 options.threads, options.threads > 1 ? "s" : "");
    store.save_result(record);
    return record;
  } catch (const Interrupted&) {
    return {};
  }
}

int run_worker(const std::string& slug, const PapersRun& run, int parent) {
  die_with(parent);
  const Paper& paper = find_paper(slug);
  const Experiment experiment = experiment_of(paper);
  const Plan plan(paper.slug, experiment, plan_options(run, run.out));
  const Store store(run.out, [](const std::string&) {});
  return work_for_parent(plan, store);
}

}  // namespace gradus
