// gradus papers report: recorded experiments as one page.
#include <algorithm>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/commands/papers_commands.h"
#include "apps/papers/paper.h"
#include "apps/papers/recorded.h"
#include "apps/papers/report_page.h"
#include "apps/papers/zoo/zoo.h"
#include "core/atomic_file.h"

namespace gradus {
namespace {

struct PapersReport {
  std::string out = "papers.html";
  bool json = false;
  void visit(auto&& f) {
    f("out", out, "the file to write");
    f("json", json, "print what was written as one JSON object");
  }
};

// Of the papers that the program knows, then the comparison of all optimizers.
std::vector<Record> recorded_results() {
  std::vector<Record> records;
  for (const Paper& paper : papers())
    if (const Record* record = recorded_result(paper.slug)) records.push_back(*record);
  if (const Record* record = recorded_result(zoo().slug)) records.push_back(*record);
  return records;
}

int papers_report(const std::string& folder, const PapersReport& options) {
  std::vector<std::string> complaints;
  const std::vector<Record> records = folder.empty() ? recorded_results() : records_below(folder, complaints);
  // Of a folder only what is in it; of the program all papers, run or not.
  const std::string page = papers_page(records, papers(), complaints, folder.empty());
  write_file(options.out, page);
  for (const std::string& c : complaints) fmt::print(stderr, "gradus: {}\n", c);
  if (options.json)
    print_json(
        {{"file", options.out}, {"bytes", page.size()}, {"papers", records.size()}, {"damaged", complaints}});
  else
    print(fmt::format("{}: {} papers, {} bytes\n", options.out, records.size(), page.size()));
  return complaints.empty() ? kOk : kBadData;
}

}  // namespace

void add_papers_report(CLI::App& papers_command, Action& action) {
  CLI::App* sub = papers_command.add_subcommand("report", "one page (HTML) of verdicts, figures and curves");
  auto given = std::make_shared<OptionList>();
  auto folder = std::make_shared<std::string>();
  sub->add_option("DIR", *folder, "folder of results that 'papers run' left; else the recorded ones")
      ->type_name("");
  add_flags<PapersReport>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      PapersReport options;
      assign(options, *given);
      return papers_report(*folder, options);
    };
  });
}

}  // namespace gradus
