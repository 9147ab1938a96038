#include "apps/preference/preference_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "apps/train/checkpoint.h"
#include "apps/train/fine_tuning.h"
#include "apps/train/progress.h"
#include "autograd/grad.h"
#include "core/error.h"
#include "core/threads.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "optim/registry.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using PairClock = std::chrono::steady_clock;

struct PairsOptions {
  std::string path;
  std::optional<int64> limit;
  void visit(auto&& f) {
    f("path", path, "the file: lines of prompt, chosen and rejected");
    f("limit", limit, "the first N pairs only", at_least(1));
  }
};
PairsOptions pairs_options(const std::string& data) {
  PairsOptions options;
  const Spec spec = parse_spec(data);
  set_options(options, spec.options, "data pairs");
  if (options.path.empty()) fail<UsageError>("--data pairs: which file? 'pairs:path=FILE.jsonl'");
  return options;
}

std::unique_ptr<Model> text_model(const std::string& spec, const DatasetInfo& info, const Rng& rng) {
  std::unique_ptr<Model> model = make_model(spec, data_shape(info), rng);
  if (model->task() != Task::kLanguageModel)
    fail<UsageError>("--loss is for language models; {} is for {}", spec, task_name(model->task()));
  return model;
}

}  // namespace

bool is_preference_data(const std::string& data) { return parse_spec(data).name == "pairs"; }

DpoOptions dpo_options(const std::string& loss) {
  const Spec spec = parse_spec(loss);
  if (spec.name != "dpo" || !spec.inner.empty())
    fail<UsageError>("--loss: unknown loss '{}'; valid: dpo", spec.name);
  DpoOptions options;
  set_options(options, spec.options, "loss dpo");
  return options;
}

const std::string& preference_csv_header() {
  static const std::string header =
      "step,lr_scale,train_loss,validation_loss,validation_accuracy,validation_margin,seconds\n";
  return header;
}

PreferenceConfig with_absolute_paths(PreferenceConfig config) {
  const auto absolute = [](const std::string& path) {
    return path.empty() ? path : fs::absolute(path).string();
  };
  Spec data = parse_spec(config.data);
  for (auto& [key, value] : data.options)
    if (key == "path") value = absolute(value);
  config.data = data.str();
  config.init = absolute(config.init);
  config.save = absolute(config.save);
  return config;
}

std::string reference_file(const RunDirectory& run) { return run.file("reference.safetensors"); }

PreferenceRun::PreferenceRun(const PreferenceConfig& config, const std::string& start)
    : config_(config), loss_(dpo_options(config.loss)) {
  if (config.epochs && config.steps) fail<UsageError>("--epochs or --steps, not both");
  const PairsOptions where = pairs_options(config.data);
  std::vector<PreferencePair> pairs = read_preference_pairs(where.path);
  if (where.limit && *where.limit < std::ssize(pairs)) pairs.resize(static_cast<size_t>(*where.limit));
  std::string spec = config.model;
  const std::string weights = !start.empty() ? start : config.init.empty() ? "" : init_file(config.init);
  if (weights.empty()) {
    info_.name = "pairs";
    info_.kind = DataKind::kText;
    info_.vocabulary = characters_of(pairs);
    notes_.push_back("without --init the model and its reference start from random weights");
  } else {
    const WeightsOrigin origin = read_origin(weights);
    if (!origin.data || origin.data->kind != DataKind::kText)
      fail<DataError>("{}: weights that do not say which characters they know", weights);
    info_ = *origin.data;
    if (spec.empty()) spec = origin.model.value_or("");
  }
  if (spec.empty()) spec = "gpt";
  info_.classes = std::ssize(info_.vocabulary);
  const Rng rng(static_cast<std::uint64_t>(config.seed));
  model_ = text_model(spec, info_, rng);
  const int64 block = dynamic_cast<TokenModel&>(*model_).block();
  info_.example = {block};
  if (!weights.empty()) load_weights(weights, *model_);
  reference_ = text_model(spec, info_, rng);
  load_state_dict(*reference_, state_dict(*model_));
  pairs_ = tokenise_pairs(pairs, info_.vocabulary, block, where.path);

  Rng order = rng.fork("held-out pairs");
  const std::vector<int64> shuffled = order.permutation(std::ssize(pairs_));
  const auto held = static_cast<size_t>(config.validation * static_cast<double>(pairs_.size()));
  held_.assign(shuffled.begin(), shuffled.begin() + static_cast<std::ptrdiff_t>(held));
  training_.assign(shuffled.begin() + static_cast<std::ptrdiff_t>(held), shuffled.end());
  if (training_.empty()) fail<UsageError>("--validation {}: leaves no pair to train on", config.validation);
  length_ = config.steps ? *config.steps : config.epochs.value_or(1) * steps_per_epoch();
  notes_.push_back(fmt::format("{} pairs, {} of them held out", pairs_.size(), held_.size()));

  parameters_ = model_->trainable();
  optimizer_ = make_optimizer(config.clip_norm
                                  ? fmt::format("clip-norm({}):max_norm={}", config.optim, *config.clip_norm)
                                  : config.optim,
                              parameters_);
  if (optimizer_->needs().beyond({.loss = true}))
    fail<UsageError>("--optim {}: asks for more than gradients, which pairs do not give", config.optim);
  schedule_ = make_schedule(config.schedule, {.total_steps = length_, .steps_per_epoch = steps_per_epoch()});
}

int64 PreferenceRun::steps_per_epoch() const {
  return (std::ssize(training_) + config_.batch_size - 1) / config_.batch_size;
}

// The pairs of a step depend on seed and step alone.
std::vector<int64> PreferenceRun::batch_rows(int64 step) const {
  const int64 epoch = step / steps_per_epoch(), from = step % steps_per_epoch() * config_.batch_size;
  Rng rng =
      Rng(static_cast<std::uint64_t>(config_.seed)).fork("pairs").fork(static_cast<std::uint64_t>(epoch));
  const std::vector<int64> order = rng.permutation(std::ssize(training_));
  std::vector<int64> rows;
  for (int64 i = from; i < std::min(from + config_.batch_size, std::ssize(training_)); ++i)
    rows.push_back(training_[static_cast<size_t>(order[static_cast<size_t>(i)])]);
  return rows;
}

PreferenceLoss PreferenceRun::loss_of_pairs(std::span<const int64> rows) {
  const auto scored = [&](PairSide side) {
    const ResponseBatch batch = response_batch(pairs_, rows, side);
    Tensor ref;
    {
      const Recording off(false);
      ref = token_logp((*reference_)(batch.ids), batch.targets).detach();
    }
    return ScoredResponses{token_logp((*model_)(batch.ids), batch.targets), ref, batch.mask};
  };
  return dpo_loss(scored(PairSide::kChosen), scored(PairSide::kRejected), loss_);
}

PreferenceScore PreferenceRun::score(std::span<const int64> rows) {
  const Recording off(false);
  const ModeScope evaluation(*model_, false);
  PreferenceScore total;
  for (size_t from = 0; from < rows.size(); from += static_cast<size_t>(config_.batch_size)) {
    const auto part =
        rows.subspan(from, std::min(rows.size() - from, static_cast<size_t>(config_.batch_size)));
    const PreferenceLoss l = loss_of_pairs(part);
    total.loss += static_cast<double>(l.loss.item()) * static_cast<double>(part.size());
    for (const real m : l.margin.span()) total.accuracy += m > 0, total.margin += static_cast<double>(m);
    total.pairs += std::ssize(part);
  }
  const auto n = static_cast<double>(std::max<int64>(total.pairs, 1));
  total.loss /= n, total.accuracy /= n, total.margin /= n;
  return total;
}

void PreferenceRun::save(const RunDirectory& run) {
  write_checkpoint(run.checkpoint(), *model_,
                   {.optim = optimizer_->spec(),
                    .saved = optimizer_->save_state(),
                    .state = {{"step", step_},
                              {"seconds", seconds_},
                              {"loss_since_row", loss_since_row_},
                              {"steps_since_row", steps_since_row_},
                              {"loss", last_.loss},
                              {"accuracy", last_.accuracy},
                              {"margin", last_.margin},
                              {"pairs", last_.pairs},
                              {"rng",
                               {model_->run().rng.state().seed, model_->run().rng.state().stream,
                                model_->run().rng.state().counter}}}});
}

void PreferenceRun::restore(const RunDirectory& run) {
  const std::string reference = reference_file(run);
  if (!fs::exists(reference)) {
    save_weights(reference, *reference_, info_);
    return;
  }
  load_weights(reference, *reference_);
  if (!fs::exists(run.checkpoint())) {
    load_state_dict(*model_, state_dict(*reference_));
    return;
  }
  read_checkpoint(run.checkpoint(), *model_, optimizer_->spec(), [&](const CheckpointParts& parts) {
    parts.state.at("step").get_to(step_);
    parts.state.at("seconds").get_to(seconds_);
    parts.state.at("loss_since_row").get_to(loss_since_row_);
    parts.state.at("steps_since_row").get_to(steps_since_row_);
    parts.state.at("loss").get_to(last_.loss);
    parts.state.at("accuracy").get_to(last_.accuracy);
    parts.state.at("margin").get_to(last_.margin);
    parts.state.at("pairs").get_to(last_.pairs);
    const auto rng = parts.state.at("rng").get<std::vector<std::uint64_t>>();
    model_->run().rng.set_state({rng.at(0), rng.at(1), rng.at(2)});
    optimizer_->load_state(parts.saved);
  });
}

bool PreferenceRun::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  restore(run);
  if (step_ > length_)
    fail<UsageError>("--resume {}: the run is at step {}, beyond the {} asked for; it can only become longer",
                     run.path(), step_, length_);
  run.truncate_metrics(preference_csv_header(), "step", step_);
  Progress progress(quiet);
  if (step_) progress.message(fmt::format("resumed at step {} of {}", step_, length_));
  const int64 eval_every = config_.eval_every.value_or(steps_per_epoch()),
              save_every = config_.save_every.value_or(steps_per_epoch());
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters_) values.push_back(p->value);
  model_->set_training(true);
  reference_->set_training(false);
  while (step_ < length_) {
    const auto start = PairClock::now();
    const std::vector<int64> rows = batch_rows(step_);
    const double scale = schedule_->scale(step_);
    double loss = 0;
    {
      const Recording on(true);
      const Tensor recorded = loss_of_pairs(rows).loss;
      loss = static_cast<double>(recorded.item());
      if (!std::isfinite(loss))
        fail<NumericError>("training diverged at step {}: the loss is {}; a smaller lr may help", step_ + 1,
                           loss);
      const std::vector<Tensor> grads = grad(recorded, values, {.allow_unused = true});
      for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i];
    }
    optimizer_->step(scale, loss);
    ++step_;
    seconds_ += std::chrono::duration<double>(PairClock::now() - start).count();
    loss_since_row_ += loss;
    ++steps_since_row_;
    const std::string where = fmt::format("step {}/{}", step_, length_),
                      what = fmt::format("loss {}", brief(loss));
    progress.show(where + " ", " " + what, static_cast<double>(step_) / static_cast<double>(length_),
                  where + "  " + what);
    const bool ended = step_ == length_;
    if (ended || step_ % eval_every == 0) {
      last_ = score(held_.empty() ? std::span<const int64>(training_) : std::span<const int64>(held_));
      const double mean = loss_since_row_ / static_cast<double>(steps_since_row_);
      loss_since_row_ = 0;
      steps_since_row_ = 0;
      run.append(fmt::format("{},{},{},{},{},{},{:.3f}", step_, scale, mean, last_.loss, last_.accuracy,
                             last_.margin, seconds_),
                 {{"step", step_},
                  {"lr_scale", scale},
                  {"train_loss", mean},
                  {"validation_loss", last_.loss},
                  {"validation_accuracy", last_.accuracy},
                  {"validation_margin", last_.margin},
                  {"seconds", seconds_}});
    }
    const bool stopping = !ended && stop();
    if (ended || stopping || step_ % save_every == 0) save(run);
    if (stopping) return false;
  }
  save_weights(run.file("model.safetensors"), *model_, info_);
  if (!config_.save.empty()) save_weights(config_.save, *model_, info_);
  return true;
}

nlohmann::ordered_json PreferenceRun::result(const std::string& out) {
  int64 count = 0;
  for (const ParameterPtr& p : parameters_) count += p->value.numel();
  return {{"data", config_.data},
          {"loss", config_.loss},
          {"model", model_->spec()},
          {"optim", optimizer_->spec()},
          {"seed", config_.seed},
          {"threads", threads()},
          {"parameters", count},
          {"pairs", std::ssize(training_)},
          {"held_out_pairs", std::ssize(held_)},
          {"steps", step_},
          {held_.empty() ? "train_preference_loss" : "validation_loss", last_.loss},
          {held_.empty() ? "train_preference_accuracy" : "validation_accuracy", last_.accuracy},
          {held_.empty() ? "train_preference_margin" : "validation_margin", last_.margin},
          {"seconds", seconds_},
          {"out", out}};
}

}  // namespace gradus
