// gradus help: pages about commands, for a terminal or for man; made of the table of commands, like everything that explains them.
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/options.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

std::vector<CLI::App*> commands_of(const CLI::App& app) {
  return const_cast<CLI::App&>(app).get_subcommands([](CLI::App*) { return true; });
}

struct Found {
  const CLI::App* app;
  std::string above;  // "gradus optim"
};

// The command that the words name. Throws UsageError for a word that is none.
Found find_command(const CLI::App& app, const std::vector<std::string>& words) {
  Found found{&app, ""};
  for (const std::string& word : words) {
    const CLI::App* next = nullptr;
    std::vector<std::string> names;
    for (const CLI::App* s : commands_of(*found.app)) {
      names.push_back(s->get_name());
      if (s->get_name() == word) next = s;
    }
    found.above += (found.above.empty() ? "" : " ") + found.app->get_name();
    if (!next && names.empty())
      fail<UsageError>("help: '{}' has no commands of its own, so there is no '{}'", found.above, word);
    if (!next) throw UsageError("help: " + unknown_name("command", word, names));
    found.app = next;
  }
  return found;
}

// Text as roff sets it as it is: no escapes, no requests at the beginning of a line, hyphens that can be searched for.
std::string roff(const std::string& text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    out += c == '\\' ? std::string("\\e") : c == '-' ? std::string("\\-") : std::string(1, c);
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string page_name(const Found& f) {
  std::string name = (f.above.empty() ? "" : f.above + " ") + f.app->get_name();
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string man_page(const Found& f, const std::string& version) {
  const std::string whole = (f.above.empty() ? "" : f.above + " ") + f.app->get_name();
  const std::string description = f.app->get_description();
  const std::string first = description.substr(0, description.find('\n'));
  std::string synopsis, positionals, flags, commands;
  for (const CLI::Option* o : f.app->get_options()) {
    if (o->get_group().empty()) continue;
    const std::string type = o->get_type_name();
    if (o->get_positional()) {
      synopsis += " " + (o->get_required() ? o->get_name(true) : "[" + o->get_name(true) + "]");
      positionals += fmt::format(".TP\n.I {}\n{}\n", roff(o->get_name(true)), roff(o->get_description()));
    } else {
      flags += fmt::format(".TP\n.B {}{}\n{}\n", roff(o->get_name(false, true)),
                           type.empty() || o->get_items_expected_max() == 0 ? "" : " \\fR" + roff(type),
                           roff(o->get_description()));
    }
  }
  for (const CLI::App* s : commands_of(*f.app))
    commands += fmt::format(".TP\n.B {}\n{}\n", roff(s->get_name()), roff(s->get_description()));
  std::string page = fmt::format(".TH {} 1 \"\" \"gradus {}\"\n.SH NAME\n{} \\- {}\n",
                                 upper(roff(page_name(f))), version, roff(page_name(f)), roff(first));
  page += fmt::format(".SH SYNOPSIS\n.B {}\n[OPTIONS]{}{}\n", roff(whole), roff(synopsis),
                      commands.empty() ? "" : " COMMAND");
  if (first != description) page += ".SH DESCRIPTION\n.nf\n" + roff(description) + "\n.fi\n";
  if (!positionals.empty()) page += ".SH ARGUMENTS\n" + positionals;
  if (!flags.empty()) page += ".SH OPTIONS\n" + flags;
  if (!commands.empty()) page += ".SH COMMANDS\n" + commands;
  if (!f.app->get_footer().empty() && !f.above.empty())
    page += ".SH NOTES\n.nf\n" + roff(f.app->get_footer()) + "\n.fi\n";
  page +=
      ".SH EXIT STATUS\n0 ok; 1 internal error; 2 wrong usage; 3 bad or missing data; 4 diverged, mismatch "
      "or claim not "
      "shown; 130 interrupted, after saving.\n"
      ".SH ENVIRONMENT\n.TP\n.B GRADUS_DATA\nwhere data sets lie\n.TP\n.B NO_COLOR\nif set and not empty: no "
      "colour\n"
      ".TP\n.B OPENBLAS_CORETYPE\nthe kernels that BLAS runs\n";
  std::string see = f.above.empty() ? "" : "gradus";
  for (const CLI::App* s : commands_of(*f.app)) {
    const std::string name = page_name({s, whole});
    see += (see.empty() ? "" : ", ") + name;
  }
  if (!see.empty()) page += ".SH SEE ALSO\n" + roff(see) + "\n";
  return page;
}

void write_pages(const Found& f, const std::string& folder, const std::string& version, int& count) {
  write_file((fs::path(folder) / (page_name(f) + ".1")).string(), man_page(f, version));
  ++count;
  const std::string whole = (f.above.empty() ? "" : f.above + " ") + f.app->get_name();
  for (const CLI::App* s : commands_of(*f.app)) write_pages({s, whole}, folder, version, count);
}

}  // namespace

void add_help(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("help", "explain a command: help [COMMAND...], --man for a man page");
  auto words = std::make_shared<std::vector<std::string>>();
  auto man = std::make_shared<bool>(false);
  auto folder = std::make_shared<std::string>();
  auto shown = std::make_shared<std::vector<std::string>>();  // for the help: the words come the other way
  sub->add_option("COMMAND", *shown, "the command, e.g. 'train' or 'optim show'; none: all of gradus")
      ->type_name("");
  add_spoken_of(*sub, words);
  sub->add_flag("--man", *man, "print the page for man: gradus help train --man | man -l -");
  sub->add_option("--man-dir", *folder, "write the pages of all commands into this folder")->type_name("DIR");
  sub->callback([=, &action, &app] {
    action = [=, &app] {
      const Found found = find_command(app, *words);
      if (!folder->empty()) {
        if (!words->empty())
          fail<UsageError>("help: --man-dir writes the pages of all commands; it takes no COMMAND");
        int count = 0;
        write_pages(found, *folder, GRADUS_VERSION, count);
        print(fmt::format("{}: {} pages\n", *folder, count));
      } else {
        // (App::help would be that of the command which was parsed.)
        print(*man ? man_page(found, GRADUS_VERSION)
                   : found.app->get_formatter()->make_help(
                         found.app, (found.above.empty() ? "" : found.above + " ") + found.app->get_name(),
                         CLI::AppFormatMode::Normal));
      }
      return kOk;
    };
  });
}

}  // namespace gradus
