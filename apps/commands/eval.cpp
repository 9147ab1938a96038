// gradus eval: scores trained weights on the test set of their data.
#include <algorithm>
#include <cmath>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/output_table.h"
#include "apps/commands/weights_flags.h"
#include "apps/testtime/adapted_scores.h"
#include "apps/train/progress.h"
#include "apps/train/scores.h"
#include "core/error.h"
#include "data/corruptions/corruption.h"

namespace gradus {
namespace {

struct EvalOptions : WeightsOptions {
  std::optional<int64> limit;
  int64 batch_size = 256;
  std::string logits, weights = "last", corrupt, adapt, attack;
  bool train = false, train_mode = false, json = false, quiet = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("weights", weights, kWeightsHelp, weights_choices());
    f("limit", limit, "only the first N examples", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("logits", logits,
      "also write the model's outputs (and the labels) to this file: .safetensors, .npz, .csv, or .npy "
      "(outputs only)");
    f("train", train, "score the training set instead");
    f("train_mode", train_mode, "run the model as in training: statistics of the batch, dropout");
    f("corrupt", corrupt,
      "corrupt the images first: gaussian-noise:severity=3 (`gradus data corruptions` lists them)");
    f("adapt", adapt,
      "adapt the model to each batch as it comes, without labels: entropy:lr=1e-3 (`gradus model "
      "adaptations`)");
    f("attack", attack,
      "attack a classifier of images too and print both accuracies: pgd:eps=0.3,steps=20 (`gradus model "
      "attacks`)");
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

// The set that is scored, corrupted where that is asked for.
DatasetPtr scored_set(const Data& data, const EvalOptions& options) {
  const DatasetPtr& set = options.train ? data.train : data.test;
  return options.corrupt.empty() ? set : corrupted(set, options.corrupt);
}

// One pass over the set: from the weights as they are, adapted and attacked as asked.
Scores score_pass(Model& model, const DatasetPtr& set, const EvalOptions& options, const Attack* attack,
                  EvaluateOptions how) {
  Progress progress(options.quiet);
  const double total = static_cast<double>(how.limit > 0 ? std::min(how.limit, set->size()) : set->size());
  double done = 0;
  const auto each = [&, note = how.each](const Batch& batch, const Tensor& output) {
    note(batch, output);
    done += static_cast<double>(batch.size());
    const std::string head = attack ? "attacking" : "scoring",
                      tail = fmt::format("{:.0f}/{:.0f}", done, total);
    progress.show(head, tail, done / total, head + " " + tail);
  };
  std::unique_ptr<Adaptation> adaptation;
  if (!options.adapt.empty()) adaptation = make_adaptation(options.adapt, model);
  if (adaptation || attack)
    return adapted_scores(model, set,
                          {.attack = attack,
                           .adaptation = adaptation.get(),
                           .batch_size = how.batch_size,
                           .limit = how.limit,
                           .each = each});
  how.each = each;
  return *scores_on(model, set, how);
}

int eval(const std::string& run, const EvalOptions& options) {
  if (!options.logits.empty()) check_outputs_path(options.logits);
  const Weights weights = find_weights(run, options, options.weights);
  const Data data = open_scored_data(weights);
  for (const std::string& note : data.info().notes) fmt::print(stderr, "{}\n", note);
  if (options.train && !data.train)
    fail<UsageError>("--train: all {} examples of {} are its test set", data.test->size(), weights.data);
  const DatasetPtr set_scored = scored_set(data, options);
  std::unique_ptr<Attack> attack;
  if (!options.attack.empty()) attack = make_attack(options.attack);
  const auto model = load_model(weights, data.info());
  if (attack && (data.info().kind != DataKind::kImages || model->task() != Task::kClassification))
    fail<UsageError>("--attack: {} on {} is no classifier of images", model->spec(), weights.data);
  if (options.train_mode && !options.adapt.empty())
    fail<UsageError>("--train-mode and --adapt both say how the model runs; take one of them");
  OutputTable outputs;
  EvaluateOptions how{
      .batch_size = options.batch_size, .limit = options.limit.value_or(0), .training = options.train_mode};
  how.each = [&](const Batch& batch, const Tensor& output) {
    check_outputs(batch, output);
    if (!options.logits.empty()) outputs.add(batch, output);
  };
  const Scores scores = score_pass(*model, set_scored, options, nullptr, how);
  const Score& score = scores.sums();
  if (!std::isfinite(score.loss()))
    fail<NumericError>("the loss is {}: it is beyond the range of numbers", score.loss());
  if (!options.logits.empty()) outputs.write(options.logits);
  std::optional<Score> robust;
  if (attack) {
    how.each = check_outputs;
    robust = score_pass(*model, set_scored, options, attack.get(), how).sums();
  }

  const bool text = model->task() == Task::kLanguageModel;
  const char* set = options.train ? "train" : "test";
  if (options.json) {
    nlohmann::ordered_json json = {
        {"data", weights.data}, {"model", model->spec()}, {"weights", weights.file}};
    json[fmt::format("{}_loss", set)] = score.loss();
    json[fmt::format("{}_accuracy", set)] = score.accuracy();
    json.update(scores.json(set));
    if (text) {
      json["perplexity"] = std::exp(score.loss());
      json["bits_per_token"] = score.loss() / std::log(2.0);
    }
    json[text ? "tokens" : "examples"] = score.count;
    for (const auto& [key, value] :
         {std::pair{"corrupt", options.corrupt}, {"adapt", options.adapt}, {"attack", options.attack}})
      if (!value.empty()) json[key] = value;
    if (robust) json["robust_loss"] = robust->loss(), json["robust_accuracy"] = robust->accuracy();
    scores.add_classes(json);
    print_json(json);
    return kOk;
  }
  const std::string which = data.train ? fmt::format("{} set", set) : std::string("all of it");
  std::vector<std::vector<std::string>> rows = {
      {"data", fmt::format("{} ({}, {} {})", weights.data, which, score.count, text ? "tokens" : "examples")},
      {"model", model->spec()},
      {"weights", weights.file}};
  for (const auto& [key, value] :
       {std::pair{"corrupt", options.corrupt}, {"adapt", options.adapt}, {"attack", options.attack}})
    if (!value.empty()) rows.push_back({key, value});
  for (auto& row : scores.rows("")) rows.push_back(std::move(row));
  if (robust)
    rows.push_back({"robust accuracy", fmt::format("{:.2f} %", 100 * robust->accuracy())}),
        rows.push_back({"robust loss", fmt::format("{:.4f}", robust->loss())});
  print(columns(rows));
  if (const std::string tables = scores.tables(); !tables.empty()) print("\n" + tables);
  return kOk;
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("eval", "score trained weights on the test set");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file");
  add_flags<EvalOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      EvalOptions options;
      assign(options, *given);
      return eval(*run, options);
    };
  });
}

}  // namespace gradus
