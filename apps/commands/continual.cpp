// gradus continual: learns tasks in turn, or continues such a run; list, show NAME: the methods.
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/cli/thread_count.h"
#include "apps/commands/registry_commands.h"
#include "apps/commands/run_settings.h"
#include "apps/continual/continual_run.h"
#include "apps/continual/learners.h"
#include "core/threads.h"

namespace gradus {
namespace {

constexpr const char* kContinual = "continual";

double value_of(const nlohmann::ordered_json& v) { return v.is_number() ? v.get<double>() : std::nan(""); }

std::string share_text(const nlohmann::ordered_json& v) {
  return v.is_number() ? percent(v.get<double>()) : "-";
}

void print_continual(const nlohmann::ordered_json& result) {
  std::vector<std::vector<std::string>> rows;
  for (const char* key : {"data", "tasks", "method"})
    rows.push_back({key, wrapped(result[key].get<std::string>(), 19, kPageWidth)});
  rows.push_back({"seed", result["seed"].dump()});
  rows.push_back({"average accuracy", share_text(result["average_accuracy"])});
  rows.push_back({"over all tasks", share_text(result["average_incremental_accuracy"])});
  rows.push_back({"forgetting", brief(value_of(result["forgetting"]))});
  rows.push_back({"backward transfer", brief(value_of(result["backward_transfer"]))});
  if (result["forward_transfer"].is_number())
    rows.push_back({"forward transfer", brief(value_of(result["forward_transfer"]))});
  if (result.contains("drift_accuracy")) {
    std::string text;
    for (const auto& v : result["drift_accuracy"]) text += (text.empty() ? "" : ", ") + share_text(v);
    rows.push_back({"under drift", text});
  }
  rows.push_back({"time", fmt::format("{:.2f} s", result["seconds"].get<double>())});
  rows.push_back({"run", result["out"].get<std::string>()});
  print(columns(rows) + "\n");
  std::vector<std::vector<std::string>> matrix{{"accuracy on task"}};
  for (size_t j = 0; j < result["accuracy"].size(); ++j) matrix[0].push_back(fmt::format("{}", j + 1));
  for (const auto& row : result["accuracy"]) {
    matrix.push_back({fmt::format("behind task {}", matrix.size())});
    for (const auto& v : row) matrix.back().push_back(share_text(v));
  }
  print(columns(matrix));
}

int continual(const DirectoryCall& call, const OptionList& given) {
  ContinualConfig config = merged_settings<ContinualConfig>(
      call, given, kContinual, [](const OptionList& g) { check_continual_resumable(g); });
  if (call.print_config) {
    print(config_json(config).dump(2) + "\n");
    return kOk;
  }
  use_threads(config.threads);
  config.threads = threads();  // recorded
  check_save_path(config.save);
  const InterruptScope
      signals;  // from before the run directory is made, so that what is there can be resumed
  ContinualRun learning(config);
  const std::string name =
      fmt::format("{}-{}-{}-s{}", parse_spec(config.data).name, parse_spec(config.tasks).name,
                  parse_spec(config.method).name, config.seed);
  const RunDirectory run =
      call.resume.empty()
          ? RunDirectory::create(call.out, name, kContinual, config_json(config), continual_csv_header())
          : RunDirectory::open(call.resume);
  if (!call.resume.empty()) run.write_settings(kContinual, config_json(config));
  if (!learning.train(run, call.quiet)) {
    note(fmt::format("gradus: interrupted in task {}; all is saved, 'gradus continual --resume {}' goes on\n",
                     learning.training().task() + 1, run.path()));
    return kInterrupted;
  }
  const auto result = learning.result(run.path());
  call.json ? print_json(result) : print_continual(result);
  return kOk;
}

int show_method(const std::string& name) {
  const LearnerEntry& entry = find_learner(name);
  std::string text = fmt::format("{}: {}\n\n", entry.name, entry.summary);
  if (!entry.paper.empty()) text += fmt::format("paper\n  {}\n\n", wrapped(entry.paper, 2, kPageWidth));
  std::string equations = "  ";
  for (const char c : entry.equations) equations += c == '\n' ? std::string("\n  ") : std::string(1, c);
  print(text + fmt::format("equations\n{}\n\n", equations) + options_table(entry.options) +
        fmt::format("\nuse      gradus continual --method {}\n", entry.name));
  return kOk;
}

}  // namespace

void add_continual(CLI::App& app, Action& action) {
  CLI::App* sub =
      app.add_subcommand(kContinual, "learn tasks in turn without forgetting; list, show NAME: the methods");
  auto call = std::make_shared<DirectoryCall>();
  auto given = std::make_shared<OptionList>();
  add_flags<ContinualConfig>(*sub, given);
  add_run_flags(*sub, call);
  add_list(*sub, action, "method", [] {
    std::vector<Listed> all;
    for (const LearnerEntry& entry : learners()) all.push_back({entry.name, entry.summary, entry.options});
    return all;
  });
  CLI::App* one = sub->add_subcommand("show", "paper, equations and options of one");
  auto name = std::make_shared<std::string>();
  one->add_option("NAME", *name, "its name")->required()->type_name("");
  one->callback([=, &action] { action = [=] { return show_method(*name); }; });
  sub->callback([=, &action] {
    if (sub->get_subcommands().empty()) action = [=] { return continual(*call, *given); };
  });
}

}  // namespace gradus
