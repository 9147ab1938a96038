#include "apps/cli/program.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/ranks.h"
#include "apps/cli/version.h"
#include "apps/train/gradients/gradient_method.h"
#include "apps/train/losses.h"
#include "core/error.h"
#include "core/options.h"
#include "core/real.h"
#include "data/registry.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"

namespace gradus {
namespace {

constexpr const char* kDescription =
    "gradus: trains neural networks with its own tensors, derivatives and optimizers.\n\n"
    "  gradus train                       trains on the built-in digits\n"
    "  gradus train --data mnist --model lenet --optim adam:lr=2e-3 --epochs 3\n"
    "  gradus data fetch mnist            gets the files of a public data set\n"
    "  gradus optim list                  what there is; likewise 'model list', 'data list'\n"
    "  gradus papers run adabelief        runs a paper's experiment and says whether its claim shows\n"
    "  gradus lab list                    course labs, graded on your own machine\n"
    "  gradus book --out book             a site for reading: equations beside the code\n"
    "  gradus help train                  explains a command";
constexpr const char* kSpokenOf = "--of";
constexpr const char* kFooter =
    "Results go to stdout, progress to stderr. Exit codes: 0 ok, 1 internal error, 2 wrong usage,\n"
    "3 bad or missing data, 4 diverged, mismatch or claim not shown, 130 interrupted (after saving).";

// The names a misspelt word may have meant.
std::vector<std::string> valid_words(const CLI::App& app, bool flags) {
  std::vector<std::string> names;
  if (flags) {
    for (const CLI::Option* o : app.get_options())
      if (!o->get_group().empty())
        for (const std::string& name : o->get_lnames()) names.push_back("--" + name);
  } else {
    for (const CLI::App* s : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(s->get_name());
  }
  return names;
}

// Where an option lives that is no flag of train's but goes into the text of one: "--lr" into --optim. "" if nowhere;
// with `exactly`, only what goes by the very name.
std::string home_of(const std::string& flag, bool exactly) {
  std::string key = flag.substr(std::min<size_t>(2, flag.size()));
  std::replace(key.begin(), key.end(), '-', '_');
  const auto hint = [&](const char* what, const char* where, const auto& entries, const auto& name_of,
                        const auto& options_of) -> std::string {
    std::vector<std::string> known;
    for (const auto& entry : entries)
      for (const OptionInfo& o : options_of(entry)) known.push_back(o.name);
    const std::string name = exactly ? key : nearest(key, known);
    for (const auto& entry : entries)
      for (const OptionInfo& o : options_of(entry))
        if (o.name == name)
          return fmt::format("'{}' is an option of the {}: {} {}:{}=...", name, what, where, name_of(entry),
                             name);
    return "";
  };
  const auto text_name = [](const auto& entry) { return entry.text.name; };
  const auto own_name = [](const auto& entry) { return std::string(entry.name); };
  const auto own_options = [](const auto& entry) { return entry.options; };
  // What most optimizers have, then what schedules have, then what one optimizer alone has.
  std::string found = hint("optimizer", "--optim", std::vector{find_optimizer("adam"), find_optimizer("sgd")},
                           text_name, own_options);
  if (found.empty()) found = hint("schedule", "--schedule", schedules(), own_name, own_options);
  if (found.empty()) found = hint("optimizer", "--optim", optimizers(), text_name, own_options);
  if (found.empty())
    found = hint("model", "--model", models(), own_name, [](const ModelEntry& m) { return m.options(); });
  if (found.empty()) found = hint("loss", "--loss", losses(), own_name, own_options);
  if (found.empty()) found = hint("gradient", "--gradient", gradient_methods(), own_name, own_options);
  if (found.empty()) found = hint("data", "--data", datasets(), own_name, own_options);
  return found;
}

// Throws UsageError for a flag that the command `path` has not.
[[noreturn]] void refuse_flag(const std::string& path, const std::string& word,
                              const std::vector<std::string>& valid) {
  std::string home;
  if (path.ends_with(" train")) {
    home = home_of(word, true);
    if (home.empty() && nearest(word, valid).empty()) home = home_of(word, false);
  }
  if (!home.empty()) fail<UsageError>("{}: unknown option '{}'; {}", path, word, home);
  fail<UsageError>("{}: {} ('{} --help' explains them)", path, unknown_name("option", word, valid), path);
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
    if (flag) refuse_flag(path, word, valid);
    throw UsageError(path + ": " + unknown_name("command", word, valid));
  }
  for (const CLI::App* s : taken) refuse_extras(*s, path + " " + s->get_name());
}

void keep_extras(CLI::App& app) {
  app.allow_extras();
  for (CLI::App* s : app.get_subcommands([](CLI::App*) { return true; })) keep_extras(*s);
}

// The help of the innermost command that was named; `above`: the commands before it.
std::string help_of(const CLI::App& app, const std::string& above = "") {
  const auto taken = app.get_subcommands();
  if (taken.empty()) return app.help(above);
  return help_of(*taken.back(), above.empty() ? app.get_name() : above + " " + app.get_name());
}

// The words of the line. CLI11 takes the name of a command wherever it stands; those of which another command speaks (what
// `help` is to explain, what `completion` is to complete) go to it as values.
std::vector<std::string> words_of_line(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const auto as_value = [](std::string& word) { word = kSpokenOf + std::string("=:") + word; };
  if (words.empty()) return words;
  if (words[0] == "help")
    for (size_t i = 1; i < words.size(); ++i)
      if (!words[i].starts_with('-') && words[i - 1] != "--man-dir") as_value(words[i]);
  if (words[0] == "completion")
    if (const auto end = std::find(words.begin(), words.end(), "--"); end != words.end()) {
      std::for_each(end + 1, words.end(), as_value);
      words.erase(end);
    }
  return words;
}

}  // namespace

void add_spoken_of(CLI::App& command, const std::shared_ptr<std::vector<std::string>>& words) {
  command
      .add_option_function<std::vector<std::string>>(kSpokenOf,
                                                     [words](const std::vector<std::string>& values) {
                                                       for (const std::string& value : values)
                                                         words->push_back(value.substr(1));
                                                     })
      ->group("")  // not in any help
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

int run_program(int argc, const char* const* argv) {
  CLI::App app(kDescription, sizeof(real) == 8 ? "gradus64" : "gradus");
  app.footer(kFooter);
  app.get_formatter()->column_width(34);
  bool version = false;
  app.add_flag("--version", version, "compiler, BLAS and its kernels, SIMD, threads");
  Action action;
  add_train(app, action);
  add_federated(app, action);
  add_active(app, action);
  add_continual(app, action);
  add_lr_find(app, action);
  add_sweep(app, action);
  add_eval(app, action);
  add_predict(app, action);
  add_sample(app, action);
  add_steer(app, action);
  add_decoding_head(app, action);
  add_export(app, action);
  add_runs(app, action);
  add_report(app, action);
  add_landscape(app, action);
  add_compare(app, action);
  add_optim(app, action);
  add_model(app, action);
  add_adapter(app, action);
  add_data(app, action);
  add_papers(app, action);
  add_book(app, action);
  add_replay(app, action);
  add_lab(app, action);
  add_grad_check(app, action);
  add_bench(app, action);
  add_help(app, action);
  add_completion(app, action);
  keep_extras(app);
  try {
    std::vector<std::string> words = words_of_line(argc, argv);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    std::fputs(help_of(app).c_str(), stdout);
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
  if (action) {
    const auto taken = app.get_subcommands();
    const std::string command = taken.empty() ? "" : taken[0]->get_name();
    if (command != "train" && command != "federated") refuse_ranks(command);
    return action();
  }
  note(help_of(app));
  return kUsage;
}

}  // namespace gradus
