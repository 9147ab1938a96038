// gradus completion: what a shell can complete. The scripts ask the program, which answers from its tables, so that they know every
// command, flag, registry entry and option of entries that the program knows.
#include <algorithm>

#include "apps/active/strategy.h"
#include "apps/cli/commands.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/continual/learners.h"
#include "apps/papers/paper.h"
#include "apps/testtime/adaptation.h"
#include "apps/testtime/attack.h"
#include "apps/testtime/image_views.h"
#include "apps/train/gradients/gradient_method.h"
#include "apps/train/losses.h"
#include "apps/train/parametrisation.h"
#include "core/error.h"
#include "core/options.h"
#include "data/augment.h"
#include "data/clients/partition.h"
#include "data/corruptions/corruption.h"
#include "data/fetch.h"
#include "data/registry.h"
#include "data/selection/sample_selector.h"
#include "data/tasks/drift_stream.h"
#include "data/tasks/task_stream.h"
#include "nn/adapters/registry.h"
#include "nn/diffusion/guidance.h"
#include "nn/diffusion/sampler.h"
#include "nn/diffusion/step_skipping.h"
#include "nn/registry.h"
#include "optim/registry.h"
#include "optim/schedule.h"
#include "optim/server/server_rule.h"

namespace gradus {
namespace {

using Words = std::vector<std::string>;

// A table whose entries are named as NAME:key=value.
struct SpecTable {
  Words names;
  std::function<Words(const std::string& name)> options;
};

template <class Entries, class Name, class Options>
SpecTable vocabulary(const Entries& entries, const Name& name_of, const Options& options_of) {
  SpecTable v;
  for (const auto& entry : entries) v.names.push_back(name_of(entry));
  v.options = [&entries, name_of, options_of](const std::string& name) {
    Words keys;
    for (const auto& entry : entries)
      if (name_of(entry) == name)
        for (const OptionInfo& o : options_of(entry)) keys.push_back(o.name);
    return keys;
  };
  return v;
}

// What the value of a flag, or the argument of a command, is an entry of; nothing for other words.
std::optional<SpecTable> vocabulary_of(const std::string& word) {
  // Spans have to outlive what asks them.
  static const auto kept_samplers = samplers();
  static const auto kept_guidances = guidances();
  static const auto kept_skips = skip_policies();
  const auto own_name = [](const auto& e) { return std::string(e.name); };
  const auto own_options = [](const auto& e) { return e.options; };
  if (word == "--optim" || word == "--companion" || word == "--client" || word == "optim")
    return vocabulary(
        optimizers(), [](const OptimizerEntry& e) { return e.text.name; }, own_options);
  if (word == "--schedule" || word == "schedules") return vocabulary(schedules(), own_name, own_options);
  if (word == "--param" || word == "parametrisations")
    return vocabulary(parametrisations(), own_name, own_options);
  if (word == "--loss" || word == "losses") return vocabulary(losses(), own_name, own_options);
  if (word == "--gradient" || word == "gradients")
    return vocabulary(gradient_methods(), own_name, own_options);
  if (word == "--model" || word == "model")
    return vocabulary(models(), own_name, [](const ModelEntry& e) { return e.options(); });
  const auto made_options = [](const auto& e) { return e.options(); };
  if (word == "--guidance" || word == "guidances") return vocabulary(kept_guidances, own_name, made_options);
  if (word == "--skip" || word == "skips") return vocabulary(kept_skips, own_name, made_options);
  if (word == "samplers") return vocabulary(kept_samplers, own_name, made_options);
  if (word == "--adapter" || word == "adapter") return vocabulary(adapters(), own_name, own_options);
  if (word == "--data" || word == "data") return vocabulary(datasets(), own_name, own_options);
  if (word == "--select" || word == "selectors") return vocabulary(sample_selectors(), own_name, own_options);
  if (word == "--strategy" || word == "strategies")
    return vocabulary(query_strategies(), own_name, own_options);
  if (word == "--partition" || word == "partitions") return vocabulary(partitions(), own_name, own_options);
  if (word == "--tasks" || word == "tasks") return vocabulary(task_kinds(), own_name, own_options);
  if (word == "--drift" || word == "drifts") return vocabulary(drift_patterns(), own_name, own_options);
  if (word == "--method" || word == "continual") return vocabulary(learners(), own_name, own_options);
  if (word == "--adapt" || word == "adaptations") return vocabulary(adaptations(), own_name, own_options);
  if (word == "--attack" || word == "attacks") return vocabulary(attacks(), own_name, own_options);
  if (word == "--corrupt" || word == "corruptions")
    return vocabulary(corruptions(), own_name,
                      [](const Corruption&) { return describe_options<CorruptionOptions>(); });
  if (word == "--views" || word == "views") return vocabulary(image_views(), own_name, own_options);
  if (word == "--server" || word == "servers") return vocabulary(server_rules(), own_name, own_options);
  return std::nullopt;
}

// Completions of "sam(adam:lr=1,be": everything before the last name or key stays.
Words spec_words(const SpecTable& v, const std::string& part) {
  const size_t open = part.find_last_of("(|");
  const size_t begin = open == std::string::npos ? 0 : open + 1;
  const std::string head = part.substr(0, begin), spec = part.substr(begin);
  const size_t colon = spec.find(':');
  Words all;
  if (colon == std::string::npos) {
    for (const std::string& name : v.names) all.push_back(head + name);
    return all;
  }
  const size_t comma = spec.rfind(',');
  const size_t key = comma == std::string::npos || comma < colon ? colon + 1 : comma + 1;
  if (spec.find('=', key) != std::string::npos) return {};
  for (const std::string& option : v.options(spec.substr(0, colon)))
    if (spec.find(option + "=", colon) == std::string::npos)
      all.push_back(head + spec.substr(0, key) + option + "=");
  return all;
}

// The words that a flag's help lists: "... (plain | balanced)".
Words listed_words(const std::string& help) {
  const size_t open = help.rfind('(');
  if (open == std::string::npos || help.back() != ')') return {};
  Words words;
  std::string list = help.substr(open + 1, help.size() - open - 2);
  if (list.find(" | ") == std::string::npos) return {};
  for (size_t at = 0; at <= list.size();) {
    const size_t bar = std::min(list.find(" | ", at), list.size());
    words.push_back(list.substr(at, bar - at));
    at = bar + 3;
  }
  return words;
}

Words starting_with(Words words, const std::string& part) {
  std::erase_if(words, [&](const std::string& w) { return !w.starts_with(part); });
  return words;
}

const CLI::App* command_named(const CLI::App* app, const std::string& word) {
  for (const CLI::App* s : const_cast<CLI::App*>(app)->get_subcommands([](CLI::App*) { return true; }))
    if (s->get_name() == word) return s;
  return nullptr;
}

// What the last of the words may become; nothing where files are meant.
Words complete(const CLI::App& program, const Words& words) {
  const CLI::App* app = &program;
  std::string part = words.empty() ? "" : words.back(), flag;
  Words path;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (!std::exchange(flag, "").empty()) continue;  // the value of the flag before it
    if (word.starts_with("-")) {
      const CLI::Option* o = word.find('=') == std::string::npos ? app->get_option_no_throw(word) : nullptr;
      if (o && o->get_items_expected_max() > 0) flag = word;
      continue;
    }
    if (const CLI::App* next = command_named(app, word)) {
      app = next;
      path.push_back(word);
    }
  }
  std::string before;  // "--optim=" in front of the value
  if (flag.empty() && part.starts_with("--"))
    if (const size_t equal = part.find('='); equal != std::string::npos) {
      flag = part.substr(0, equal);
      before = part.substr(0, equal + 1);
      part = part.substr(equal + 1);
    }
  Words found;
  if (!flag.empty()) {
    const CLI::Option* o = app->get_option_no_throw(flag);
    const auto v = vocabulary_of(flag);
    if (v)
      found = spec_words(*v, part);
    else if (o)
      found = listed_words(o->get_description());
    for (std::string& word : found) word = before + word;
    return starting_with(found, before + part);
  }
  if (part.starts_with("-")) {
    for (const CLI::Option* o : app->get_options())
      if (!o->get_group().empty())
        for (const std::string& name : o->get_lnames()) found.push_back("--" + name);
    return starting_with(found, part);
  }
  for (const CLI::App* s : const_cast<CLI::App*>(app)->get_subcommands([](CLI::App*) { return true; }))
    if (!s->get_name().empty()) found.push_back(s->get_name());
  if (!path.empty() && path[0] == "help") {
    const CLI::App* at = &program;
    for (size_t i = 1; i + 1 < words.size(); ++i)
      if (const CLI::App* next = command_named(at, words[i])) at = next;
    for (const CLI::App* s : const_cast<CLI::App*>(at)->get_subcommands([](CLI::App*) { return true; }))
      found.push_back(s->get_name());
  } else if (!path.empty() && path[0] == "completion") {
    found = {"bash", "fish", "zsh"};
  } else if (path.size() == 2 && path[0] == "papers") {
    for (const Paper& p : papers()) found.push_back(p.slug);
  } else if (path.size() == 2 && path[1] == "fetch") {
    for (const FetchRecipe& recipe : fetch_recipes()) found.push_back(recipe.name);
  } else if (path.size() == 2) {
    if (const auto v = vocabulary_of(
            path[1] == "show" || path[1] == "list" || path[1] == "state-memory" ? path[0] : path[1]))
      found = path[1] == "show" ? spec_words(*v, part) : v->names;
  }
  return starting_with(found, part);
}

// bash splits words at : and =, so that what it gets must be without what stands before the last of them.
constexpr const char* kBash = R"(# Completion of gradus for bash: source <(gradus completion bash)
_gradus_complete() {
  local line="${COMP_LINE:0:COMP_POINT}" words part cut
  read -r -a words <<< "$line"
  [[ "$line" == *[[:space:]] ]] && words+=("")
  part="${words[${#words[@]}-1]}"
  cut="${part%"${part##*[:=]}"}"
  local IFS=$'\n' found
  COMPREPLY=()
  compopt +o nospace 2>/dev/null
  for found in $("${words[0]}" completion bash --for -- "${words[@]:1}" 2>/dev/null); do
    COMPREPLY+=("${found#"$cut"}")
    [[ "$found" == *= ]] && compopt -o nospace 2>/dev/null
  done
}
complete -o default -F _gradus_complete gradus gradus64
)";
constexpr const char* kZsh = R"(#compdef gradus gradus64
# Completion of gradus for zsh: source <(gradus completion zsh), or as _gradus in a folder of $fpath.
_gradus() {
  local -a found open
  found=("${(@f)$("${words[1]}" completion zsh --for -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=(${found:#})
  if (( ${#found} == 0 )); then
    _files
    return
  fi
  open=(${(M)found:#*=})
  found=(${found:#*=})
  (( ${#open} )) && compadd -Q -S '' -- $open
  (( ${#found} )) && compadd -Q -- $found
}
if [ "$funcstack[1]" = "_gradus" ]; then
  _gradus "$@"
else
  compdef _gradus gradus gradus64
fi
)";
constexpr const char* kFish = R"(# Completion of gradus for fish: gradus completion fish | source
function __gradus_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found ($words[1] completion fish --for -- $words[2..-1] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c gradus -f -a '(__gradus_complete)'
complete -c gradus64 -f -a '(__gradus_complete)'
)";

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("completion", "a script that completes words: bash, zsh or fish");
  auto shell = std::make_shared<std::string>();
  auto words = std::make_shared<Words>();
  auto answer = std::make_shared<bool>(false);
  sub->add_option("SHELL", *shell, "bash, zsh or fish")->required()->type_name("");
  sub->add_flag("--for", *answer,
                "what the script asks: print what the last of the words behind -- may become");
  add_spoken_of(*sub, words);
  sub->footer(
      "source <(gradus completion bash)      in ~/.bashrc; likewise zsh\n"
      "gradus completion fish | source       in ~/.config/fish/config.fish");
  sub->callback([=, &action, &app] {
    action = [=, &app] {
      const std::vector<std::pair<std::string, const char*>> scripts = {
          {"bash", kBash}, {"zsh", kZsh}, {"fish", kFish}};
      const auto found =
          std::find_if(scripts.begin(), scripts.end(), [&](const auto& s) { return s.first == *shell; });
      if (found == scripts.end()) throw UsageError(unknown_name("shell", *shell, {"bash", "zsh", "fish"}));
      if (!*answer) {
        print(found->second);
        return kOk;
      }
      for (const std::string& word : complete(app, *words)) print(word + "\n");
      return kOk;
    };
  });
}

}  // namespace gradus
