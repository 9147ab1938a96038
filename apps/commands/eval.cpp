// gradus eval: scores trained weights on the test set of their data.
#include <algorithm>
#include <cmath>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/train/evaluate.h"
#include "apps/train/trainer.h"
#include "core/safetensors.h"
#include "data/registry.h"

namespace gradus {
namespace {

struct EvalOptions : WeightsOptions {
  std::optional<int64> limit;
  int64 batch_size = 256;
  std::string logits;
  bool train = false, train_mode = false, json = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("limit", limit, "only the first N examples", at_least(1));
    f("batch_size", batch_size, "examples a batch", at_least(1));
    f("logits", logits, "also write the model's outputs (and the labels) to this file");
    f("train", train, "score the training set instead");
    f("train_mode", train_mode, "run the model as in training: statistics of the batch, dropout");
    f("json", json, "print the result as one JSON object");
  }
};

// Gathers the outputs of all batches into one tensor.
class Outputs {
 public:
  void add(const Batch& batch, const Tensor& output) {
    values_.insert(values_.end(), output.data(), output.data() + output.numel());
    const auto append = [](std::vector<int64>& to, const IntTensor& from) {
      if (from.defined()) to.insert(to.end(), from.data(), from.data() + from.numel());
    };
    append(labels_, batch.y);
    dims_ = {output.shape().begin(), output.shape().end()};
    label_dims_ = batch.y.defined() ? std::vector<int64>(batch.y.shape().begin(), batch.y.shape().end())
                                    : std::vector<int64>{};
    rows_ += output.dim(0);
  }
  void write(const std::string& path) {
    TensorFile file;
    dims_[0] = rows_;
    file.tensors.emplace_back("logits", Tensor::from(Shape(dims_), values_));
    if (!label_dims_.empty()) {
      label_dims_[0] = rows_;
      file.integers.emplace_back("labels", IntTensor::from(Shape(label_dims_), labels_));
    }
    write_safetensors(path, file);
  }

 private:
  std::vector<real> values_;
  std::vector<int64> labels_, dims_, label_dims_;
  int64 rows_ = 0;
};

int eval(const std::string& run, const EvalOptions& options) {
  const Weights weights = find_weights(run, options);
  if (weights.data.empty())
    fail<UsageError>("{} does not say which data it belongs to: name them with --data", weights.file);
  const Data data = open_data(weights.data, {.data_dir = weights.data_dir, .block = block_of(weights.model)});
  const auto model = load_model(weights, data.info());
  Outputs outputs;
  EvaluateOptions how{
      .batch_size = options.batch_size, .limit = options.limit.value_or(0), .training = options.train_mode};
  if (!options.logits.empty()) how.each = [&](const Batch& b, const Tensor& y) { outputs.add(b, y); };
  const Score score = *evaluate(*model, options.train ? data.train : data.test, how);
  if (!options.logits.empty()) outputs.write(options.logits);

  const bool text = model->task() == Task::kLanguageModel;
  const char* set = options.train ? "train" : "test";
  if (options.json) {
    nlohmann::ordered_json json = {
        {"data", weights.data}, {"model", model->spec()}, {"weights", weights.file}};
    json[fmt::format("{}_loss", set)] = score.loss();
    json[fmt::format("{}_accuracy", set)] = score.accuracy();
    if (text) {
      json["perplexity"] = std::exp(score.loss());
      json["bits_per_token"] = score.loss() / std::log(2.0);
    }
    json[text ? "tokens" : "examples"] = score.count;
    print_json(json);
    return kOk;
  }
  std::vector<std::vector<std::string>> rows = {
      {"data",
       fmt::format("{} ({} set, {} {})", weights.data, set, score.count, text ? "tokens" : "examples")},
      {"model", model->spec()},
      {"weights", weights.file},
      {"loss", brief(score.loss())}};
  if (score.labelled) rows.push_back({"accuracy", percent(score.accuracy())});
  if (text) rows.push_back({"perplexity", brief(std::exp(score.loss()))});
  print(columns(rows));
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
