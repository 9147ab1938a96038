// gradus model: the networks there are, and what one is made of.
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/check_mup.h"
#include "apps/commands/registry_commands.h"
#include "apps/testtime/adaptation.h"
#include "apps/testtime/attack.h"
#include "apps/testtime/image_views.h"
#include "apps/train/fine_tuning.h"
#include "apps/train/losses.h"
#include "apps/train/parametrisation.h"
#include "apps/train/task.h"
#include "data/registry.h"
#include "nn/diffusion/guidance.h"
#include "nn/diffusion/sampler.h"
#include "nn/diffusion/step_skipping.h"
#include "nn/layer_table.h"
#include "nn/registry.h"

namespace gradus {
namespace {

struct ModelOptions {
  std::string data, data_dir, input;
  int64 classes = 10, vocabulary = 65;

  void visit(auto&& f) {
    f("data", data, "take the sizes from this data set");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("input", input, "shape of an example instead, CxHxW");
    f("classes", classes, "number of classes", at_least(1));
    f("vocabulary", vocabulary, "number of different tokens, for language models", at_least(1));
  }
};

std::vector<int64> parse_shape(const std::string& text) {
  std::vector<int64> dims;
  std::string list = text;
  std::replace(list.begin(), list.end(), 'x', '-');
  parse_option(list, &dims, at_least(1), "--input");
  if (dims.size() != 3) fail<UsageError>("--input: needs three sizes like 1x28x28, not '{}'", text);
  return dims;
}

DataShape shape_for(const ModelEntry& entry, const ModelOptions& options) {
  if (!options.data.empty())
    return data_shape(open_data(options.data, {.data_dir = options.data_dir}).info());
  DataShape shape = default_shape(entry);
  if (entry.task == Task::kLanguageModel) {
    shape.vocabulary = options.vocabulary;
    return shape;
  }
  if (shape.targets == 0) shape.classes = options.classes;
  if (!options.input.empty()) {
    const auto chw = parse_shape(options.input);
    shape.channels = chw[0], shape.height = chw[1], shape.width = chw[2];
  }
  return shape;
}

std::string parameter_table(const Model& model) {
  std::vector<std::vector<std::string>> rows = {{"parameter", "layer", "kind", "shape", "elements"}};
  const Parameters parameters = model.parameters();
  const std::vector<int64> layers = layers_of(parameters);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = *parameters[i];
    rows.push_back({p.name, fmt::format("{}", layers[i] + 1), kind_name(p.kind), p.value.shape().str(),
                    fmt::format("{}", p.value.numel())});
  }
  return columns(rows);
}

// A specification in lines of a page's width, broken behind commas.
std::string broken_spec(const std::string& spec) {
  std::string out, line;
  for (size_t at = 0; at < spec.size();) {
    const size_t comma = spec.find(',', at);
    const std::string piece = spec.substr(at, comma == std::string::npos ? comma : comma + 1 - at);
    if (line.size() + piece.size() > static_cast<size_t>(kPageWidth)) {
      out += line + "\n";
      line = "  ";
    }
    line += piece;
    at += piece.size();
  }
  return out + line;
}

int show(const std::string& text, const ModelOptions& options) {
  const ModelEntry& entry = model_entry(parse_spec(text).name);
  print(fmt::format("{}: {} ({})\n\nsource   {}\n\n", entry.name, entry.summary, task_name(entry.task),
                    entry.source));
  print(options_table(entry.options()));
  const auto model = make_model(text, shape_for(entry, options), Rng(0));
  print(fmt::format("\n{}\non an example of shape {}\n\n", broken_spec(model->spec()),
                    model->example(1).shape().str()));
  print(layer_table(*model).str() + "\n" + parameter_table(*model));
  return kOk;
}

// What `gradus sample` draws images by.
void add_drawing_tables(CLI::App& model, Action& action) {
  const auto table = [&](const char* word, const char* help, const char* kind, const auto& entries,
                         auto source) {
    add_table(
        model, action, word, help, kind,
        [entries] {
          std::vector<Listed> all;
          for (const auto& e : entries) all.push_back({e.name, e.summary, e.options()});
          return all;
        },
        [entries, source](size_t i) {
          const auto& e = entries[i];
          return fmt::format("{}: {}\n\nsource   {}\n\n{}", e.name, e.summary, source(e),
                             options_table(e.options()));
        });
  };
  table("samplers", "steps out of noise: all, or the options of one", "sampler", samplers(),
        [](const SamplerEntry&) { return "nn/diffusion/sampler.h"; });
  table("guidances", "how estimates with and without a class are combined: all, or the options of one",
        "guidance", guidances(), [](const GuidanceEntry& e) { return e.source; });
  table("skips", "steps that reuse the network's last answer: all, or the options of one", "skip policy",
        skip_policies(), [](const SkipEntry&) { return "nn/diffusion/step_skipping.h"; });
}

}  // namespace

void add_model(CLI::App& app, Action& action) {
  CLI::App* model = app.add_subcommand(
      "model",
      "models: list, show NAME, parametrisations, losses, check-mup NAME, samplers, guidances, skips");
  add_list(*model, action, "model", [] {
    std::vector<Listed> all;
    for (const auto& entry : models()) all.push_back({entry.name, entry.summary, entry.options()});
    return all;
  });
  add_table(
      *model, action, "parametrisations", "what --param knows: all, or the options of one", "parametrisation",
      [] {
        std::vector<Listed> all;
        for (const ParametrisationEntry& e : parametrisations())
          all.push_back({e.name, e.summary, e.options});
        return all;
      },
      [](size_t i) {
        const ParametrisationEntry& e = parametrisations()[i];
        return fmt::format("{}: {}\n\n{}", e.name, e.summary, options_table(e.options));
      });
  add_table(
      *model, action, "losses", "what --loss knows: all, or the options of one", "loss",
      [] {
        std::vector<Listed> all;
        for (const LossEntry& e : losses()) all.push_back({e.name, e.summary, e.options});
        return all;
      },
      [](size_t i) {
        const LossEntry& e = losses()[i];
        return fmt::format("{}: {}\n\n{}", e.name, e.summary, options_table(e.options));
      });
  const auto add_testtime = [&](const char* word, const char* help, const char* kind, const auto& table) {
    add_table(
        *model, action, word, help, kind,
        [&table] {
          std::vector<Listed> all;
          for (const auto& e : table()) all.push_back({e.name, e.summary, e.options});
          return all;
        },
        [&table](size_t i) {
          const auto& e = table()[i];
          return fmt::format("{}: {}\n\npaper\n  {}\n\n{}", e.name, e.summary, e.paper,
                             options_table(e.options));
        });
  };
  add_testtime("adaptations", "what eval --adapt knows: all, or the options of one", "adaptation",
               adaptations);
  add_testtime("attacks", "what eval --attack knows: all, or the options of one", "attack", attacks);
  add_testtime("views", "what eval --views knows", "view", image_views);
  add_check_mup(*model, action);
  add_drawing_tables(*model, action);
  CLI::App* one = model->add_subcommand("show", "options, layers, parameters, FLOPs of one");
  auto name = std::make_shared<std::string>();
  auto given = std::make_shared<OptionList>();
  one->add_option("NAME", *name, "NAME[:key=value,...]")->required()->type_name("");
  add_flags<ModelOptions>(*one, given);
  one->callback([=, &action] {
    action = [=] {
      ModelOptions options;
      assign(options, *given);
      return show(*name, options);
    };
  });
}

}  // namespace gradus
