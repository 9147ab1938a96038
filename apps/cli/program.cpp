#include "apps/cli/program.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/cli/commands.h"
#include "apps/cli/version.h"
#include "core/error.h"
#include "core/real.h"

namespace gradus {
namespace {

constexpr const char* kDescription =
    "gradus: trains neural networks with its own tensors, derivatives and optimizers.\n\n"
    "  gradus train                       trains on the built-in digits\n"
    "  gradus train --data mnist --model lenet --optim adam:lr=2e-3 --epochs 3\n"
    "  gradus data fetch mnist            gets the files of a public data set\n"
    "  gradus optim list                  what there is; likewise 'model list', 'data list'\n"
    "  gradus papers run adabelief        runs a paper's experiment and says whether its claim shows";
constexpr const char* kFooter =
    "Results go to stdout, progress to stderr. Exit codes: 0 ok, 1 internal error, 2 wrong usage,\n"
    "3 bad or missing data, 4 diverged, mismatch or claim not shown, 130 interrupted (after saving).";

// The names a misspelt word may have meant.
std::vector<std::string> valid_words(const CLI::App& app, bool flags) {
  std::vector<std::string> names;
  if (flags) {
    for (const CLI::Option* o : app.get_options())
      for (const std::string& name : o->get_lnames()) names.push_back("--" + name);
  } else {
    for (const CLI::App* s : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(s->get_name());
  }
  return names;
}

// Throws UsageError for words of the line that no command took.
void refuse_extras(const CLI::App& app, const std::string& path) {
  const auto taken = app.get_subcommands();
  const std::vector<std::string> extras = app.remaining(false);
  if (!extras.empty()) {
    const std::string word = extras[0].substr(0, extras[0].find('='));
    const bool flag = word.starts_with('-');
    const std::vector<std::string> valid = valid_words(app, flag);
    if (!flag && valid.empty()) fail<UsageError>("{}: too many arguments, from '{}' on", path, word);
    throw UsageError(path + ": " + unknown_name(flag ? "option" : "command", word, valid));
  }
  for (const CLI::App* s : taken) refuse_extras(*s, path + " " + s->get_name());
}

void keep_extras(CLI::App& app) {
  app.allow_extras();
  for (CLI::App* s : app.get_subcommands([](CLI::App*) { return true; })) keep_extras(*s);
}

const CLI::App& innermost(const CLI::App& app) {
  const auto taken = app.get_subcommands();
  return taken.empty() ? app : innermost(*taken.back());
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  CLI::App app(kDescription, sizeof(real) == 8 ? "gradus64" : "gradus");
  app.footer(kFooter);
  app.get_formatter()->column_width(34);
  bool version = false;
  app.add_flag("--version", version, "compiler, BLAS and its kernels, SIMD, threads");
  Action action;
  add_train(app, action);
  add_eval(app, action);
  add_predict(app, action);
  add_sample(app, action);
  add_export(app, action);
  add_report(app, action);
  add_compare(app, action);
  add_optim(app, action);
  add_model(app, action);
  add_data(app, action);
  add_papers(app, action);
  add_replay(app, action);
  add_grad_check(app, action);
  add_bench(app, action);
  keep_extras(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(innermost(app).help().c_str(), stdout);
    return kOk;
  } catch (const CLI::ParseError& e) {
    refuse_extras(app, app.get_name());
    throw UsageError(e.what());
  }
  refuse_extras(app, app.get_name());
  if (version) {
    std::fputs(version_text().c_str(), stdout);
    return kOk;
  }
  if (action) return action();
  std::fputs(innermost(app).help().c_str(), stderr);
  return kUsage;
}

}  // namespace gradus
