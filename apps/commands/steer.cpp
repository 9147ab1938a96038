// gradus steer: steering vectors for `sample --steer` from texts that have a property and texts that have not.
#include <cmath>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/steering/steering_search.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "core/error.h"
#include "data/preference_pairs.h"
#include "data/text.h"
#include "data/text_lines.h"
#include "optim/elements.h"

namespace gradus {
namespace {

struct SteerFlags : WeightsOptions {
  std::string positive, negative, pairs, layer = "*", token = "last", out = "steering.safetensors";
  int64 clusters = 1, epochs = 20;
  double lr = 0.01;
  int64 seed = 0;
  bool json = false, quiet = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("positive", positive, "texts with the property, one a line");
    f("negative", negative, "texts without it; line by line of the same prompts, where there are pairs");
    f("pairs", pairs,
      "instead of both, lines of {\"prompt\": ..., \"chosen\": ..., \"rejected\": ...}: the prompt with the "
      "one "
      "and with "
      "the other");
    f("layer", layer,
      "which layers get vectors, NAME[+NAME...]: a block by its number, blocks by glob ('*h.2'), or modules "
      "by "
      "name; *: "
      "every block");
    f("token", token, "hidden states of a text: of its last token, or the mean over all",
      choices({"last", "mean"}));
    f("clusters", clusters,
      "vectors a layer; several need texts in pairs, and come with a probe that picks among them",
      at_least(1));
    f("epochs", epochs, "steps of training of each probe", at_least(0));
    f("lr", lr, "step size of the probes", gradus::positive());
    f("out", out, "the file to write");
    f("seed", seed, "of the clusters' starts", at_least(0));
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

struct Texts {
  std::vector<std::vector<int64>> positive, negative;
};

std::vector<std::vector<int64>> texts_in(const std::string& path, const Vocabulary& vocabulary) {
  std::vector<std::vector<int64>> texts;
  for (const TextLine& line : read_text_lines(path)) {
    try {
      texts.push_back(vocabulary.encode(line.text));
    } catch (const UsageError& e) {
      fail<DataError>("{}: {}", line.where, e.what());
    }
  }
  if (texts.empty()) fail<DataError>("{}: holds no text", path);
  return texts;
}

Texts texts_of(const SteerFlags& flags, const DatasetInfo& info, int64 block) {
  const bool files = !flags.positive.empty() && !flags.negative.empty();
  if (files == !flags.pairs.empty() || (!files && (!flags.positive.empty() || !flags.negative.empty())))
    fail<UsageError>("steer: which texts? --positive FILE --negative FILE, or --pairs FILE");
  const Vocabulary vocabulary(info.vocabulary);
  if (files) return {texts_in(flags.positive, vocabulary), texts_in(flags.negative, vocabulary)};
  Texts texts;
  for (const PairTokens& p :
       tokenise_pairs(read_preference_pairs(flags.pairs), info.vocabulary, block, flags.pairs))
    for (const auto& [to, response] :
         {std::pair{&texts.positive, &p.chosen}, {&texts.negative, &p.rejected}}) {
      to->push_back(p.prompt);
      to->back().insert(to->back().end(), response->begin(), response->end());
    }
  return texts;
}

struct Interrupted {};

int print_found(const SteerFlags& flags, const Weights& weights, const std::string& model, const Texts& texts,
                const FoundSteering& found) {
  auto layers = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows{{"layer", "norms of its vectors", "probe"}};
  for (size_t l = 0; l < found.modules.size(); ++l) {
    const Tensor& vectors = found.modules[l].steering.vectors;
    std::vector<double> norms;
    std::vector<std::string> words;
    for (int64 k = 0; k < vectors.dim(0); ++k) {
      norms.push_back(std::sqrt(sum_of_squares(vectors.rows(k, k + 1))));
      words.push_back(brief(norms.back()));
    }
    nlohmann::ordered_json layer{{"layer", found.modules[l].name}, {"norms", norms}};
    std::string probe = "-";
    if (!found.probe_accuracies.empty()) {
      layer["probe_accuracy"] = found.probe_accuracies[l];
      probe = percent(found.probe_accuracies[l]);
    }
    rows.push_back({found.modules[l].name, fmt::format("{}", fmt::join(words, " ")), probe});
    layers.push_back(std::move(layer));
  }
  if (flags.json) {
    print_json({{"file", flags.out},
                {"model", model},
                {"weights", weights.file},
                {"positive_texts", texts.positive.size()},
                {"negative_texts", texts.negative.size()},
                {"clusters", found.members},
                {"layers", layers}});
    return kOk;
  }
  print(columns(rows));
  print(fmt::format("\n{} of {} and {} texts: gradus sample RUN --steer {}:scale=1\n", flags.out,
                    texts.positive.size(), texts.negative.size(), flags.out));
  return kOk;
}

int steer_texts(const std::string& run, const SteerFlags& flags) {
  const Weights weights = find_weights(run, flags);
  const DatasetInfo info = info_of(weights);
  if (info.kind != DataKind::kText) fail<UsageError>("steer is for text, not for {}", kind_name(info.kind));
  const auto model = load_model(weights, info);
  auto* const reader = dynamic_cast<TokenModel*>(model.get());
  if (!reader)
    fail<UsageError>("steer is for language models; {} is for {}", model->spec(), task_name(model->task()));
  const std::vector<std::string> modules = steered_modules(*model, flags.layer);
  const Texts texts = texts_of(flags, info, reader->block());
  const InterruptScope signals;
  Progress progress(flags.quiet);
  const auto all = std::ssize(texts.positive) + std::ssize(texts.negative);
  int64 before = 0;
  const auto each = [&](int64 done) {
    if (interrupted()) throw Interrupted();
    const std::string where = fmt::format("text {}/{}", before + done, all);
    progress.show(where + " ", "", static_cast<double>(before + done) / static_cast<double>(all), where);
  };
  FoundSteering found;
  try {
    const bool mean = flags.token == "mean";
    const Tensor target = text_activations(*reader, modules, texts.positive, mean, each);
    before = std::ssize(texts.positive);
    const Tensor standard = text_activations(*reader, modules, texts.negative, mean, each);
    SteeringSearchOptions options;
    options.clusters = flags.clusters;
    options.epochs = flags.epochs;
    options.lr = flags.lr;
    found = search_steering(modules, target, standard, options,
                            Rng(static_cast<std::uint64_t>(flags.seed)).fork("steer"));
  } catch (const Interrupted&) {
    progress.clear();
    note("gradus: interrupted; nothing was written\n");
    return kInterrupted;
  }
  progress.clear();
  write_steering(flags.out, found.modules);
  return print_found(flags, weights, model->spec(), texts, found);
}

}  // namespace

void add_steer(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(
      "steer", "steering vectors from texts with and without a property, for sample --steer");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file");
  add_flags<SteerFlags>(*sub, given);
  sub->footer(
      "A vector is the mean difference of the hidden states of texts with the property and without it. With\n"
      "--clusters K the differences of the pairs are put into K groups, a vector each, and a probe learns "
      "which\n"
      "vector suits a hidden state (Sharma, Raman 2025, arXiv 2506.18887).");
  sub->callback([=, &action] {
    action = [=] {
      SteerFlags flags;
      assign(flags, *given);
      return steer_texts(*run, flags);
    };
  });
}

}  // namespace gradus
