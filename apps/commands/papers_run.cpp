// gradus papers run: a paper's experiment, from training runs to a verdict.
#include <cstdlib>
#include <filesystem>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/commands/papers_commands.h"
#include "apps/papers/result_table.h"
#include "apps/papers/run_command.h"
#include "core/atomic_file.h"
#include "core/error.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr const char* kResults = "apps/papers/results";

// A folder that is gone at the end.
class PassingFolder {
 public:
  PassingFolder() {
    std::string pattern = (fs::temp_directory_path() / "gradus-papers-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) fail<DataError>("{}: cannot be made", pattern);
    path_ = pattern;
  }
  ~PassingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PassingFolder(const PassingFolder&) = delete;
  PassingFolder& operator=(const PassingFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where records go must be there before the experiment, not after it.
void check_results_folder(const std::string& folder) {
  if (!folder.empty() && !fs::is_directory(folder))
    fail<UsageError>(
        "--record writes to {}, and there is no such folder here; start it in the folder of gradus's "
        "sources, or name "
        "one: --record=DIR",
        folder);
}

struct RunCall {
  std::vector<std::string> patterns;
  std::string record;
};

int run_papers(const RunCall& call, const PapersRun& run) {
  if (run.resume && run.fresh) fail<UsageError>("--resume and --fresh exclude each other");
  if (call.patterns.empty() && run.family.empty())
    fail<UsageError>("name papers, or --family; 'gradus papers list' names all");
  const std::vector<const Paper*> selected = select_papers(call.patterns, run.family);
  check_results_folder(call.record);
  if (run.quick && !call.record.empty()) fail<UsageError>("--quick shows nothing that could be recorded");
  bool shown = true;
  std::vector<Record> records;
  for (const Paper* paper : selected) {
    std::optional<PassingFolder> passing;
    if (run.quick && run.out.empty()) passing.emplace();
    const std::string folder = passing                ? passing->path()
                               : run.out.empty()      ? "runs/papers/" + paper->slug
                               : selected.size() == 1 ? run.out
                                                      : run.out + "/" + paper->slug;
    const std::optional<Record> record = run_paper(*paper, run, folder);
    if (!record) {
      note(fmt::format("gradus: interrupted; the finished runs are stored in {}, the same command goes on\n",
                       folder));
      return kInterrupted;
    }
    if (!run.json) print((records.empty() ? "" : "\n") + result_text(*record));
    if (!call.record.empty())
      write_file(fmt::format("{}/{}.json", call.record, paper->slug), record_text(*record));
    shown &= record->verdict == Verdict::kShown;
    records.push_back(*record);
  }
  if (run.json && records.size() == 1) print_json(record_json(records[0]));
  if (run.json && records.size() != 1) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Record& record : records) all.push_back(record_json(record));
    print_json({{"results", all}});
  }
  return run.check && !shown ? kNotShown : kOk;
}

}  // namespace

void add_papers_run(CLI::App& papers, Action& action) {
  CLI::App* sub = papers.add_subcommand("run", "run experiments and say whether the claims show");
  auto call = std::make_shared<RunCall>();
  auto given = std::make_shared<OptionList>();
  sub->add_option("SLUG", call->patterns, "papers, by name or pattern")->type_name("");
  add_flags<PapersRun>(*sub, given);
  sub->add_flag(fmt::format("--record{{{}}}", kResults), call->record,
                "write the record for 'papers list' and 'show' into apps/papers/results below this folder, "
                "or --record=DIR");
  sub->callback([=, &action] {
    action = [=] {
      PapersRun run;
      assign(run, *given);
      return run_papers(*call, run);
    };
  });

  CLI::App* worker = papers.add_subcommand("worker", "")->group("");
  auto slug = std::make_shared<std::string>();
  auto parent = std::make_shared<int>(0);
  auto worker_given = std::make_shared<OptionList>();
  worker->add_option("SLUG", *slug)->required();
  worker->add_option("--parent", *parent);
  add_flags<PapersRun>(*worker, worker_given);
  worker->callback([=, &action] {
    action = [=] {
      PapersRun run;
      assign(run, *worker_given);
      return run_worker(*slug, run, *parent);
    };
  });
}

}  // namespace gradus
