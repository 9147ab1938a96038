// gradus data: the data sets there are, a look at one, and fetching the public ones.
#include <algorithm>
#include <exception>

#include "apps/active/strategy.h"
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/data_mix.h"
#include "apps/commands/registry_commands.h"
#include "core/error.h"
#include "core/utf8.h"
#include "data/augment.h"
#include "data/class_counts.h"
#include "data/clients/partition.h"
#include "data/contact_sheet.h"
#include "data/corruptions/corruption.h"
#include "data/fetch.h"
#include "data/places.h"
#include "data/preference_pairs.h"
#include "data/registry.h"
#include "data/selection/sample_selector.h"
#include "data/tasks/drift_stream.h"
#include "data/tasks/task_stream.h"

namespace gradus {
namespace {

struct DataOptions {
  std::string out, data_dir, augment;
  void visit(auto&& f) {
    f("out", out, "where the contact sheet goes; else NAME.png here");
    f("augment", augment,
      "show an image of each class as it is and as training with these changes sees it in seven epochs, e.g. "
      "'pad-crop,flip'; see "
      "'data augmentations'");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
  }
};

// Text as it stands in the corpus, with everything unprintable as dots.
std::string excerpt(const Dataset& data) {
  const int64 length = data.info().example[0];
  std::vector<int64> tokens(static_cast<size_t>(length)), next(tokens);
  data.read_window(0, tokens.data(), next.data());
  std::string text;
  for (const int64 token : tokens)
    for (const char c : data.info().vocabulary[static_cast<size_t>(token)])
      text += c == '\n' || (c >= ' ' && c < 127) ? c : '.';
  return text + "\n";
}

// Class, training and test examples of each.
std::string class_table(const Data& data) {
  constexpr int64 kShown = 100;
  const DatasetInfo& info = data.info();
  const auto counts = [&](const DatasetPtr& part) {
    return part ? class_counts(*part) : std::vector<int64>(static_cast<size_t>(info.classes), 0);
  };
  const std::vector<int64> train = counts(data.train), test = counts(data.test);
  std::vector<std::vector<std::string>> rows = {{"class", "train", "test"}};
  for (int64 c = 0; c < std::min(info.classes, kShown); ++c) {
    const auto i = static_cast<size_t>(c);
    rows.push_back({class_name(info, c), fmt::format("{}", train[i]), fmt::format("{}", test[i])});
  }
  if (info.classes > kShown) rows.push_back({fmt::format("and {} more", info.classes - kShown)});
  return columns(rows);
}

// Numbers with few digits, the first of them.
std::string numbers_text(const std::vector<double>& values) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < std::min(values.size(), kShown); ++i)
    text += fmt::format("{}{:.6g}", i ? " " : "", values[i]);
  return text + (values.size() > kShown ? fmt::format(" ... ({})", values.size()) : "");
}

void describe(const Data& data) {
  const DatasetInfo& info = data.info();
  std::vector<std::vector<std::string>> rows = {
      {"kind", kind_name(info.kind)},
      {"example", info.example.str()},
      {"train", fmt::format("{}", data.train ? data.train->size() : 0)},
      {"test", fmt::format("{}", data.test->size())}};
  if (info.kind == DataKind::kText)
    rows.push_back({"vocabulary", fmt::format("{}", info.classes)});
  else if (info.classes)
    rows.push_back({"classes", fmt::format("{}", info.classes)});
  if (info.targets) rows.push_back({"targets", fmt::format("{}", info.targets)});
  if (!info.columns.empty())
    rows.push_back({"columns", wrapped(fmt::format("{}", fmt::join(info.columns, ", ")), 12, kPageWidth)});
  if (!info.mean.empty()) {
    rows.push_back({"mean", numbers_text(info.mean)});
    rows.push_back({"std", numbers_text(info.std)});
  }
  print(columns(rows));
  for (const std::string& note : info.notes) print(note + "\n");
  if (info.classes && info.kind != DataKind::kText) {
    print("\n" + class_table(data));
    const std::string unbalanced = imbalance_note(data.train ? *data.train : *data.test);
    if (!unbalanced.empty()) print("\n" + wrapped(unbalanced, 0, kPageWidth) + "\n");
  }
}

// Pairs of responses: how many, how long, which characters; the first one.
void describe_pairs(const std::string& spec) {
  const std::vector<PreferencePair> pairs = read_preference_pairs(preference_data_options(spec));
  size_t prompt = 0, chosen = 0, rejected = 0;
  for (const PreferencePair& p : pairs) {
    prompt = std::max(prompt, p.prompt.size());
    chosen = std::max(chosen, p.chosen.size());
    rejected = std::max(rejected, p.rejected.size());
  }
  print(
      columns({{"kind", "pairs of responses"},
               {"pairs", fmt::format("{}", pairs.size())},
               {"longest", fmt::format("prompt {}, chosen {}, rejected {} bytes", prompt, chosen, rejected)},
               {"vocabulary", fmt::format("{}", characters_of(pairs).size())}}));
  print("\n" + columns({{"prompt", printable(pairs[0].prompt)},
                        {"chosen", printable(pairs[0].chosen)},
                        {"rejected", printable(pairs[0].rejected)}}));
}

void show_set(const DatasetEntry& entry, const std::string& text, const DataOptions& options) {
  const Data data = open_data(text, {.data_dir = options.data_dir});
  describe(data);
  const DatasetPtr& part = data.train ? data.train : data.test;
  if (part->info().kind == DataKind::kText) print("\n" + excerpt(*part));
  if (part->info().kind == DataKind::kImages) {
    const std::string out = options.out.empty() ? entry.name + ".png" : options.out;
    const Augmentation augment = parse_augmentation(options.augment);
    write_png(out, augment.empty() ? contact_sheet(*part) : augmentation_sheet(*part, augment, 0));
    print(fmt::format("\ncontact sheet: {}\n", out));
  }
}

// What it is first; the options, which are many, last. A set that cannot be opened still shows its options.
int show(const std::string& text, const DataOptions& options) {
  const DatasetEntry& entry = find_dataset(parse_spec(text).name);
  print(fmt::format("{}: {}\n\n", entry.name, entry.summary));
  std::exception_ptr error;
  try {
    if (is_preference_data(text))
      describe_pairs(text);
    else
      show_set(entry, text, options);
    print("\n");
  } catch (const Error&) {
    error = std::current_exception();
  }
  print(options_table(entry.options));
  if (error) std::rethrow_exception(error);
  return kOk;
}

struct FetchFlags {
  std::string mirror, data_dir;
  bool json = false, quiet = false;
  void visit(auto&& f) {
    f("mirror", mirror,
      "URL (http, https, file) of a folder that holds NAME/FILE, instead of the public source");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

int fetch_set(const std::string& name, const FetchFlags& options) {
  const FetchRecipe& recipe = find_recipe(name);
  FetchOptions how{.root = data_roots({.data_dir = options.data_dir}).front(), .mirror = options.mirror};
  if (!options.quiet) how.log = [](const std::string& line) { note(line + "\n"); };
  const std::string folder = fetch(recipe, how);
  std::vector<std::string> files;
  for (const FetchFile& file : recipe.files)
    for (const std::string& result : file.results()) files.push_back(result);
  if (options.json)
    print_json({{"data", recipe.name}, {"folder", folder}, {"files", files}});
  else
    print(folder + "\n");
  return kOk;
}

// Names and sources of what can be fetched, for the help.
std::string fetchable() {
  std::string text = "Sets and their sources:";
  for (const FetchRecipe& recipe : fetch_recipes())
    text += fmt::format("\n  {:<16} {}", recipe.name, recipe.source);
  return text;
}

void add_fetch(CLI::App& data, Action& action) {
  CLI::App* sub = data.add_subcommand("fetch", "download a public data set, check its sums, unpack it");
  auto name = std::make_shared<std::string>();
  auto given = std::make_shared<OptionList>();
  sub->add_option("NAME", *name, "the set")->required()->type_name("");
  sub->footer(fetchable());
  add_flags<FetchFlags>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      FetchFlags options;
      assign(options, *given);
      return fetch_set(*name, options);
    };
  });
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  CLI::App* data = app.add_subcommand("data",
                                      "data sets: list, show NAME, fetch NAME, partitions, selectors, "
                                      "strategies, tasks, drifts, augmentations, corruptions");
  add_list(*data, action, "data set", [] {
    std::vector<Listed> all;
    for (const auto& entry : datasets()) all.push_back({entry.name, entry.summary, entry.options});
    return all;
  });
  add_fetch(*data, action);
  add_mix(*data, action);
  add_table(
      *data, action, "partitions", "ways to divide a data set among clients: all, or the options of one",
      "partition",
      [] {
        std::vector<Listed> all;
        for (const PartitionEntry& entry : partitions())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      [](size_t i) {
        const PartitionEntry& entry = partitions()[i];
        return fmt::format("{}: {}\n\npaper\n  {}\n\n{}", entry.name, entry.summary, entry.paper,
                           options_table(entry.options));
      });
  add_table(
      *data, action, "selectors",
      "which examples of a batch are trained on (train --select): all, or the options of one", "selector",
      [] {
        std::vector<Listed> all;
        for (const SelectorEntry& entry : sample_selectors())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      [](size_t i) {
        const SelectorEntry& entry = sample_selectors()[i];
        std::string text = fmt::format("{}: {}\n\n", entry.name, entry.summary);
        if (!entry.paper.empty()) text += fmt::format("paper\n  {}\n\n", wrapped(entry.paper, 2, kPageWidth));
        return text + fmt::format("equations\n{}\n\n", entry.equations) + options_table(entry.options);
      });
  add_table(
      *data, action, "tasks",
      "how a data set becomes a stream of tasks (continual --tasks): all, or the options of one",
      "task stream",
      [] {
        std::vector<Listed> all;
        for (const TaskKindEntry& entry : task_kinds())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      [](size_t i) {
        const TaskKindEntry& entry = task_kinds()[i];
        return fmt::format("{}: {}\n\n", entry.name, entry.summary) + options_table(entry.options);
      });
  add_table(
      *data, action, "drifts",
      "how an unlabelled stream drifts (continual --drift): all, or the options of one", "drift",
      [] {
        std::vector<Listed> all;
        for (const DriftEntry& entry : drift_patterns())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      [](size_t i) {
        const DriftEntry& entry = drift_patterns()[i];
        return fmt::format("{}: {}\n\n", entry.name, entry.summary) + options_table(entry.options);
      });
  add_table(
      *data, action, "strategies",
      "which labels are asked for (active --strategy): all, or the options of one", "strategy",
      [] {
        std::vector<Listed> all;
        for (const StrategyEntry& entry : query_strategies())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      [](size_t i) {
        const StrategyEntry& entry = query_strategies()[i];
        std::string text = fmt::format("{}: {}\n\n", entry.name, entry.summary);
        if (!entry.paper.empty()) text += fmt::format("paper\n  {}\n\n", wrapped(entry.paper, 2, kPageWidth));
        return text + options_table(entry.options);
      });
  add_table(
      *data, action, "augmentations",
      "changes to training images (train --augment): all, or the options of one", "augmentation",
      [] {
        std::vector<Listed> all;
        for (const TransformEntry& entry : transforms())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      [](size_t i) {
        const TransformEntry& entry = transforms()[i];
        return fmt::format("{}: {}\n\n", entry.name, entry.summary) + options_table(entry.options);
      });
  add_table(
      *data, action, "corruptions",
      "what test images may be corrupted by (eval --corrupt), in five severities: all, or one", "corruption",
      [] {
        std::vector<Listed> all;
        for (const Corruption& c : corruptions())
          all.push_back(
              {c.name, fmt::format("{} ({})", c.summary, c.group), describe_options(CorruptionOptions{})});
        return all;
      },
      [](size_t i) {
        const Corruption& c = corruptions()[i];
        return fmt::format(
            "{}: {} ({})\n\nseverity 1 to 5\n  {} (lengths of images of 32x32)\n\npaper\n  Hendrycks, "
            "Dietterich, ICLR 2019, arXiv 1903.12261; strengths are our own\n\n{}",
            c.name, c.summary, c.group, c.strengths, options_table(describe_options(CorruptionOptions{})));
      });
  CLI::App* one = data->add_subcommand("show", "sizes, classes, a contact sheet and the options of one");
  auto name = std::make_shared<std::string>();
  auto given = std::make_shared<OptionList>();
  one->add_option("NAME", *name, "NAME[:key=value,...]")->required()->type_name("");
  add_flags<DataOptions>(*one, given);
  one->callback([=, &action] {
    action = [=] {
      DataOptions options;
      assign(options, *given);
      return show(*name, options);
    };
  });
}

}  // namespace gradus
