// gradus eval: scores trained weights on the test set of their data.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/output_table.h"
#include "apps/commands/sample_images.h"
#include "apps/commands/weights_flags.h"
#include "apps/preference/preference_run.h"
#include "apps/testtime/adapted_scores.h"
#include "apps/testtime/image_views.h"
#include "apps/train/progress.h"
#include "apps/train/scores.h"
#include "core/error.h"
#include "data/corruptions/corruption.h"
#include "data/validation.h"
#include "data/views.h"
#include "nn/adapters/adapter_file.h"

namespace gradus {
namespace {

struct EvalOptions : WeightsOptions, FidFlags {
  std::optional<int64> limit;
  int64 batch_size = 256;
  std::string logits, weights = "last", corrupt, adapt, attack, views;
  bool train = false, held_out = false, train_mode = false, json = false, quiet = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("weights", weights, kWeightsHelp, weights_choices());
    f("limit", limit, "only the first N examples", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("logits", logits,
      "also write the model's outputs (and the labels) to this file: .safetensors, .npz, .csv, or .npy "
      "(outputs only)");
    f("train", train, "score the training set instead");
    f("held_out", held_out,
      "score the training examples that the run held out instead (`train --validation`)");
    f("train_mode", train_mode, "run the model as in training: statistics of the batch, dropout");
    visit_fid(f);
    f("corrupt", corrupt,
      "corrupt the images first: gaussian-noise:severity=3 (`gradus data corruptions` lists them)");
    f("adapt", adapt,
      "adapt the model to each batch as it comes, without labels: entropy:lr=1e-3 (`gradus model "
      "adaptations`)");
    f("attack", attack,
      "attack a classifier of images too and print both accuracies: pgd:eps=0.3,steps=20 (`gradus model "
      "attacks`)");
    f("views", views,
      "the mean of the outputs over several looks at each image: mirror, translate or both, "
      "mirror,translate (`gradus model views`)");
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

// Outputs over looks; the model stays as it is.
class OverViews final : public Adaptation {
 public:
  OverViews(Model& model, std::vector<ImageView> views) : model_(model), views_(std::move(views)) {}
  Tensor output(const Batch& batch) override { return output_over_views(model_, batch.x, views_); }

 private:
  Model& model_;
  std::vector<ImageView> views_;
};

std::string folder_of(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Pairs of responses. Of a run that was trained on them those it held out (or, with --train, the others), against its reference; of
// another file all pairs; of weights without a reference the pairs whose chosen response is the likelier one.
int eval_pairs(const Weights& weights, const EvalOptions& options) {
  for (const auto& [given, flag] :
       {std::pair{!options.logits.empty(), "--logits"}, std::pair{options.train_mode, "--train-mode"},
        std::pair{!options.views.empty(), "--views"}, std::pair{options.held_out, "--held-out"}})
    if (given) fail<UsageError>("{}: is not for pairs of responses", flag);
  need_model(weights);
  PreferenceConfig config;
  std::string reference;
  bool own_pairs = false;
  const std::string folder = folder_of(weights.file);
  if (std::filesystem::exists(std::filesystem::path(folder) / "config.json")) {
    const RunDirectory run = RunDirectory::open(folder);
    if (run.settings().value("command", "") == kPreferenceRun) {
      assign(config, given_in_json(run.settings_of(kPreferenceRun), run.file("config.json")));
      reference = reference_file(run);
      own_pairs = options.data.empty();
    }
  }
  config.data = weights.data;
  config.model = weights.model;
  if (!own_pairs) config.validation = 0;
  PreferenceTask task(config, reference.empty() ? weights.file : reference);
  if (reference.empty())
    task.forget_reference();
  else
    load_weights(weights.file, task.model());
  if (!weights.adapter.empty()) load_adapter(task.model(), weights.adapter);
  const bool held_out = own_pairs && !options.train && !task.held_out().empty();
  const char* set = !own_pairs ? "test" : held_out ? "validation" : "train";
  std::vector<int64> rows = held_out ? task.held_out() : task.training();
  if (options.limit) rows.resize(std::min(rows.size(), static_cast<size_t>(*options.limit)));
  const PreferenceScore score = task.score(rows);
  if (!std::isfinite(score.loss))
    fail<NumericError>("the loss is {}: it is beyond the range of numbers", score.loss);
  if (options.json) {
    nlohmann::ordered_json json{
        {"data", weights.data}, {"model", task.model().spec()}, {"weights", weights.file}};
    json["reference"] = reference.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(reference);
    json["pairs"] = score.pairs;
    json.update(score_json(set, score));
    print_json(json);
    return kOk;
  }
  print(columns({{"data", fmt::format("{} ({} {} pairs)", weights.data, score.pairs,
                                      held_out    ? "held-out"
                                      : own_pairs ? "training"
                                                  : "of all")},
                 {"model", task.model().spec()},
                 {"weights", weights.file},
                 {"reference", reference.empty() ? "none: by likelihood alone" : reference},
                 {"loss", brief(score.loss)},
                 {"chosen preferred", percent(score.accuracy)},
                 {"margin", brief(score.margin)}}));
  return kOk;
}

// The examples by which a run chose its best weights.
DatasetPtr held_out_by_run(const Weights& weights, const Data& data) {
  const RunDirectory run = RunDirectory::open(folder_of(weights.file));
  const TrainConfig config = run.config();
  const DatasetPtr held = data.train && config.validation > 0
                              ? hold_out(first_examples(data.train, config.limit), config.validation).held
                              : nullptr;
  if (!held) fail<UsageError>("--held-out: the run {} held no examples out", run.path());
  return held;
}

// The set that is scored, corrupted where that is asked for.
DatasetPtr scored_set(const Weights& weights, const Data& data, const EvalOptions& options) {
  const DatasetPtr set = options.held_out ? held_out_by_run(weights, data)
                         : options.train  ? data.train
                                          : data.test;
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
  if (!options.views.empty()) adaptation = std::make_unique<OverViews>(model, parse_views(options.views));
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
  if (draws_images(weights)) {
    if (!options.fid)
      fail<UsageError>("{} is a denoiser: it is scored by the images drawn from it, with --fid",
                       weights.file);
    return eval_images(run.empty() ? options.init : run, weights, options, options.json);
  }
  if (options.fid) fail<UsageError>("--fid is for runs of --task diffusion; {} is no denoiser", weights.file);
  if (!weights.data.empty() && is_preference_data(weights.data)) return eval_pairs(weights, options);
  const Data data = open_scored_data(weights);
  for (const std::string& note : data.info().notes) fmt::print(stderr, "{}\n", note);
  if (options.held_out && (options.train || !options.data.empty()))
    fail<UsageError>("--held-out is for the examples of the run's own data; it takes no {}",
                     options.train ? "--train" : "--data");
  if (options.train && !data.train)
    fail<UsageError>("--train: all {} examples of {} are its test set", data.test->size(), weights.data);
  const DatasetPtr set_scored = scored_set(weights, data, options);
  std::unique_ptr<Attack> attack;
  if (!options.attack.empty()) attack = make_attack(options.attack);
  const auto model = load_model(weights, data.info());
  if (attack && (data.info().kind != DataKind::kImages || model->task() != Task::kClassification))
    fail<UsageError>("--attack: {} on {} is no classifier of images", model->spec(), weights.data);
  if (!options.views.empty()) {
    parse_views(options.views);
    check_views(*model, data.info(), "--views");
  }
  if (options.train_mode + !options.adapt.empty() + !options.views.empty() > 1)
    fail<UsageError>("--train-mode, --adapt and --views all say how the model runs; take one of them");
  OutputTable outputs(model->task(), data.info());
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

  const std::vector<std::pair<const char*, std::string>> asked = {{"corrupt", options.corrupt},
                                                                  {"adapt", options.adapt},
                                                                  {"attack", options.attack},
                                                                  {"views", options.views}};
  const bool text = model->task() == Task::kLanguageModel;
  const char* set = options.held_out ? "validation" : options.train ? "train" : "test";
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
    for (const auto& [key, value] : asked)
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
  for (const auto& [key, value] : asked)
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
