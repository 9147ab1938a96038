// gradus papers: the papers there are, what each is, and running their experiments.
#include <fmt/ranges.h>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/commands/papers_commands.h"
#include "apps/papers/paper_text.h"
#include "apps/papers/run_command.h"

namespace gradus {
namespace {

struct PapersList {
  std::string family;
  bool markdown = false, json = false;
  void visit(auto&& f) {
    f("family", family, "only papers of this family");
    f("markdown", markdown, "a table for a README");
    f("json", json, "print one JSON object");
  }
};

void add_papers_list(CLI::App& papers_command, Action& action) {
  CLI::App* sub = papers_command.add_subcommand("list", "slug, title, verdict of the recorded run, minutes");
  auto patterns = std::make_shared<std::vector<std::string>>();
  auto given = std::make_shared<OptionList>();
  sub->add_option("GLOB", *patterns, "only names that match, e.g. 'ada*'")->type_name("");
  add_flags<PapersList>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      PapersList options;
      assign(options, *given);
      const std::vector<const Paper*> selected = select_papers(*patterns, options.family);
      if (options.json)
        print_json({{"papers", papers_json(selected)}});
      else
        print(options.markdown ? papers_markdown(selected) : papers_table(selected));
      return kOk;
    };
  });
}

void add_papers_show(CLI::App& papers_command, Action& action) {
  CLI::App* sub =
      papers_command.add_subcommand("show", "text, equations, files, functions, claims, recorded result");
  auto slug = std::make_shared<std::string>();
  sub->add_option("SLUG", *slug, "the paper")->required()->type_name("");
  sub->callback([=, &action] {
    action = [=] {
      print(paper_text(find_paper(*slug)));
      return kOk;
    };
  });
}

}  // namespace

void add_papers(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("papers", "papers: list, show SLUG, run SLUG..., report");
  add_papers_list(*sub, action);
  add_papers_show(*sub, action);
  add_papers_run(*sub, action);
  add_papers_report(*sub, action);
}

}  // namespace gradus
