// gradus lab: course labs as projects of their own, and their points.
#include "apps/labs/lab.h"

#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/lab_pictures.h"
#include "apps/labs/grade.h"

namespace gradus {
namespace {

struct LabCall {
  int number = 0;
  std::string folder;
  bool json = false;
  GradeOptions options;
};

int list_labs(const LabCall& call) {
  nlohmann::ordered_json entries = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const Lab& lab : read_labs(labs_folder())) {
    entries.push_back(
        {{"number", lab.number}, {"title", lab.title}, {"hours", lab.hours}, {"parts", lab.parts}});
    rows.push_back({fmt::format("{:>2}", lab.number), lab.title, fmt::format("{} blanks", lab.parts.size()),
                    lab.hours + " hours"});
  }
  if (call.json)
    print_json({{"kind", "lab"}, {"entries", entries}});
  else
    print(columns(rows));
  return kOk;
}

int write_lab(const LabCall& call, bool solved) {
  const Lab lab = find_lab(labs_folder(), call.number);
  write_project(lab, call.folder, solved);
  print(fmt::format("{}: lab {}, {}{}; its README.md is where to begin\n", call.folder, lab.number, lab.title,
                    solved ? ", the solution" : ""));
  return kOk;
}

int grade_command(LabCall call) {
  const Terminal terminal = stderr_terminal();
  if (terminal.interactive && !call.json)
    call.options.progress = [](const std::string& what) { note("\r\033[K" + what); };
  const Grade grade = grade_lab(labs_folder(), call.folder, call.options);
  if (call.options.progress) note("\r\033[K");
  call.json ? print_json(grade_json(grade)) : print(grade_text(grade));
  return grade.points() == grade.of() ? kOk : kNotShown;
}

}  // namespace

void add_lab(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("lab", "course labs: projects to fill in, graded on your own machine");
  sub->require_subcommand(1);
  auto call = std::make_shared<LabCall>();
  const auto command = [&](const char* name, const char* help, auto run) {
    CLI::App* child = sub->add_subcommand(name, help);
    child->callback([=, &action] { action = [=] { return run(*call); }; });
    return child;
  };
  CLI::App* list = command("list", "the labs there are", list_labs);
  list->add_flag("--json", call->json, "print one JSON object");
  for (const bool solved : {false, true}) {
    CLI::App* write =
        command(solved ? "solution" : "start",
                solved ? "write a lab with its solution (instructors)" : "write a lab's starter project",
                [solved](const LabCall& c) { return write_lab(c, solved); });
    write->add_option("N", call->number, "number of the lab; see 'lab list'")->required();
    write->add_option("DIR", call->folder, "folder to write, new or empty")->required();
  }
  CLI::App* grade =
      command("grade", "build a lab's project, run its tests and count points; exit code 4 unless all",
              grade_command);
  grade->add_option("DIR", call->folder, "the project")->required();
  grade->add_option("--part", call->options.part, "only this part: 3.2, or 3 for all of 3.1, 3.2, ...");
  grade->add_option("--seconds", call->options.seconds, "time a test may take (default 10)")
      ->check(CLI::PositiveNumber);
  grade->add_flag("--json", call->json, "print one JSON object");
  CLI::App* pack =
      command("pack", "write all labs without their solutions, as an installation for students has them",
              [](const LabCall& c) {
                write_labs_without_solutions(labs_folder(), c.folder);
                return int{kOk};
              });
  pack->add_option("DIR", call->folder, "folder to write")->required();
  CLI::App* pictures = command(
      "pictures", "draw the pictures of the handouts into the labs below a folder (apps/labs of the sources)",
      [](const LabCall& c) {
        print(fmt::format("{} pictures\n", write_lab_pictures(c.folder)));
        return int{kOk};
      });
  pictures->add_option("DIR", call->folder, "the folder of the labs")->required();
}

}  // namespace gradus
