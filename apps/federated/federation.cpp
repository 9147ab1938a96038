#include "apps/federated/federation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "apps/train/checkpoint.h"
#include "apps/train/evaluate.h"
#include "apps/train/progress.h"
#include "apps/train/same_data.h"
#include "apps/train/shared_file.h"
#include "apps/train/trainer.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/loader.h"
#include "data/registry.h"
#include "nn/registry.h"

namespace gradus {
namespace {

constexpr const char* kDirection = "federation/direction";
using RoundClock = std::chrono::steady_clock;

Data open_federated_data(const FederatedConfig& config) {
  return open_data(config.data, {.data_dir = config.data_dir, .block = block_of(config.model)});
}

nlohmann::json scores_json(const ClassScores& s) {
  return {{"all", score_json(s.all)}, {"correct", s.correct}, {"count", s.count}};
}

ClassScores scores_from(const nlohmann::json& j) {
  return {score_from(j.at("all")), j.at("correct").get<std::vector<int64>>(),
          j.at("count").get<std::vector<int64>>()};
}

// The score, class by class where there are labels. Nothing if it was stopped.
std::optional<ClassScores> evaluate_classes(Model& model, const DatasetPtr& test,
                                            const std::function<bool()>& stop, Communicator& ranks) {
  ClassScores scores;
  const bool labelled = model.task() == Task::kClassification && test->info().classes > 0;
  if (labelled) {
    scores.correct.resize(static_cast<size_t>(test->info().classes));
    scores.count = scores.correct;
  }
  const auto each = [&](const Batch& batch, const Tensor& output) {
    if (!labelled) return;
    const int64 classes = output.dim(1);
    const real* row = output.data();
    for (int64 i = 0; i < batch.size(); ++i, row += classes) {
      const auto label = static_cast<size_t>(batch.y[i]);
      ++scores.count[label];
      scores.correct[label] += std::max_element(row, row + classes) - row == batch.y[i];
    }
  };
  const std::optional<Score> all = evaluate(model, test, {.stop = stop, .each = each, .ranks = &ranks});
  if (!all) return std::nullopt;
  scores.all = *all;
  return scores;
}

}  // namespace

Federation::Federation(const FederatedConfig& config, Communicator& ranks)
    : Federation(config, open_federated_data(config), ranks) {}

Federation::Federation(const FederatedConfig& config, Data data, Communicator& ranks)
    : config_(config), ranks_(ranks), data_(std::move(data)), rng_(static_cast<std::uint64_t>(config.seed)) {
  check(config);
  partition_ =
      make_partition(config.partition, *data_.train, config.clients, static_cast<std::uint64_t>(config.seed));
  labels_ = label_counts(partition_, *data_.train);
  model_ = make_model(config.model, data_shape(data_.info()), rng_);
  if (config.init.empty())
    fit_to_data(*model_, data_.train);
  else
    load_weights(config.init, *model_);
  problem_ = std::make_unique<ModelProblem>(*model_, data_.train, partition_,
                                            LocalOptions{.epochs = config.local_epochs,
                                                         .batch_size = config.batch_size,
                                                         .label_smoothing = config.label_smoothing,
                                                         .augment = parse_augmentation(config.augment)},
                                            rng_);
  training_ = make_local_training(config.client, problem_->parameters());
  server_ = make_server_rule(config.server);
  point_ = read_point(*problem_);
  if (config.rounds == 0) {  // the model as it starts
    state_.rows.emplace_back();
    state_.evaluation_due = true;
  }
}

Model& Federation::model() {
  write_point(*problem_, point_);
  return *model_;
}

bool Federation::advance(const std::function<bool()>& stop) {
  if (!state_.evaluation_due) {
    const auto start = RoundClock::now();
    const RoundPlan plan =
        draw_round(rng_, state_.round, config_.clients, config_.per_round, config_.drop_rate);
    const std::optional<RoundResult> made = run_round(*problem_, *training_, *server_, point_, plan,
                                                      weighting_of(config_.weighting), stop, ranks_);
    if (!made) return false;
    state_.seconds += std::chrono::duration<double>(RoundClock::now() - start).count();
    ++state_.round;
    const auto sent = static_cast<int64>(sizeof(real)) * (point_.x.numel() + point_.buffers.numel());
    const int64 received =
        sent + (training_->uses_direction() ? static_cast<int64>(sizeof(real)) * point_.x.numel() : 0);
    state_.rows.push_back({.round = state_.round,
                           .train_loss = made->train.loss(),
                           .train_accuracy = made->train.accuracy(),
                           .clients = made->averaged,
                           .dropped = std::ssize(plan.dropped),
                           .empty = made->empty,
                           .bytes_up = made->averaged * sent,
                           .bytes_down = (std::ssize(plan.clients) + std::ssize(plan.dropped)) * received,
                           .seconds = state_.seconds});
    state_.evaluation_due = state_.round >= config_.rounds || state_.round % config_.eval_every == 0;
  }
  if (state_.evaluation_due) {
    std::optional<ClassScores> scores =
        evaluate_classes(model(), data_.test, stop ? [&] { return ranks_.any(stop()); } : stop, ranks_);
    if (!scores) return false;
    if (!std::isfinite(scores->all.loss()))
      fail<NumericError>("the test loss is {} after round {}", scores->all.loss(), state_.round);
    state_.last_test = *std::move(scores);
    state_.rows.back().test_loss = state_.last_test.all.loss();
    state_.rows.back().test_accuracy = state_.last_test.all.accuracy();
    state_.evaluation_due = false;
  }
  return true;
}

FederationSummary Federation::summary() const {
  return summarise(state_.rows, config_.target, labels_, state_.last_test);
}

void Federation::save(const RunDirectory& run) {
  if (run.is_none()) return;
  nlohmann::json rows = nlohmann::json::array();
  for (const RoundRow& row : state_.rows) rows.push_back(nlohmann::json(round_json(row)));
  SavedState saved = server_->save_state();
  if (point_.direction.defined()) saved.tensors[kDirection] = point_.direction;
  write_checkpoint(run.checkpoint(), model(),
                   {.optim = server_->spec(),
                    .saved = std::move(saved),
                    .state = {{"round", state_.round},
                              {"evaluation_due", state_.evaluation_due},
                              {"rows", rows},
                              {"last_test", scores_json(state_.last_test)},
                              {"seconds", state_.seconds}}});
}

void Federation::restore(const RunDirectory& run) {
  if (!ranks_.any(run.has_checkpoint())) return;
  const SharedFile file(ranks_, run.is_none() ? "" : run.checkpoint());
  Tensor direction;
  read_checkpoint(file.path(), *model_, server_->spec(), [&](const CheckpointParts& parts) {
    FederationState state;
    parts.state.at("round").get_to(state.round);
    parts.state.at("evaluation_due").get_to(state.evaluation_due);
    for (const auto& row : parts.state.at("rows")) state.rows.push_back(round_from_json(row));
    state.last_test = scores_from(parts.state.at("last_test"));
    parts.state.at("seconds").get_to(state.seconds);
    SavedState saved = parts.saved;
    if (const auto found = saved.tensors.extract(kDirection)) direction = found.mapped();
    server_->load_state(saved);
    state_ = std::move(state);
  });
  point_ = read_point(*problem_);
  point_.direction = direction;
}

void Federation::show(Progress& progress, int64 first, double seconds) const {
  const RoundRow& row = state_.rows.back();
  const auto made = static_cast<double>(state_.round - first), all = static_cast<double>(config_.rounds);
  const std::string where = fmt::format("round {}/{}", state_.round, config_.rounds);
  std::string text = fmt::format("train loss {}", brief(row.train_loss));
  if (!std::isnan(row.test_loss)) text += fmt::format("  test loss {}", brief(row.test_loss));
  if (!std::isnan(row.test_accuracy)) text += fmt::format("  acc {}", percent(row.test_accuracy));
  if (made > 0)
    text += fmt::format("  ETA {}", clock_text(seconds / made * (all - static_cast<double>(state_.round))));
  progress.show(where + " ", " " + text, all > 0 ? static_cast<double>(state_.round) / all : 1,
                where + "  " + text);
}

bool Federation::train(const RunDirectory& run, bool quiet, const std::function<bool()>& stop) {
  const InterruptScope signals;
  check_same_data(ranks_, data_);
  restore(run);
  // A row whose evaluation is due may be there from a process that was killed behind it.
  if (!run.is_none())
    run.truncate_metrics(round_csv_header(), "round", state_.round - (state_.evaluation_due ? 1 : 0));
  Progress progress(quiet);
  const int64 first = state_.round;
  const double before = state_.seconds;
  if (first) progress.message(fmt::format("resumed at round {} of {}", first, config_.rounds));
  while (!done()) {
    try {
      if (!advance(stop)) {
        save(run);
        return false;
      }
    } catch (const NumericError& e) {
      fail<NumericError>("training diverged: {}; {}. A smaller lr of server or clients may help", e.what(),
                         diverged(run));
    }
    const RoundRow& row = state_.rows.back();
    if (!run.is_none()) run.append(round_csv(row), round_json(row));
    show(progress, first, state_.seconds - before);
    const bool stopping = !done() && ranks_.any(stop());
    if (done() || stopping || state_.round % config_.save_every == 0) save(run);
    if (stopping) return false;
  }
  model();  // has the server's weights from here on
  if (!ranks_.first()) return true;
  save_weights(run.file("model.safetensors"), model(), data_.info());
  if (!config_.save.empty()) save_weights(config_.save, model(), data_.info());
  return true;
}

std::string Federation::diverged(const RunDirectory& run) const {
  return std::filesystem::exists(run.checkpoint()) ? run.checkpoint() + " still holds the last good state"
                                                   : std::string("no checkpoint had been saved yet");
}

nlohmann::ordered_json Federation::result(const std::string& out) const {
  const FederationSummary s = summary();
  nlohmann::ordered_json json;
  json["data"] = config_.data;
  json["model"] = model_->spec();
  json["clients"] = config_.clients;
  json["partition"] = config_.partition;
  json["per_round"] = config_.per_round;
  json["local_epochs"] = config_.local_epochs;
  json["batch_size"] = config_.batch_size;
  json["server"] = server_->spec();
  json["client"] = training_->spec();
  json["weighting"] = config_.weighting;
  json["seed"] = config_.seed;
  json["threads"] = threads();
  json["ranks"] = ranks_.size();
  json["parameters"] = point_.x.numel();
  json["rounds"] = state_.round;
  json["train_loss"] = state_.rows.empty() ? std::nan("") : state_.rows.back().train_loss;
  json["test_loss"] = s.test_loss;
  json["test_accuracy"] = s.test_accuracy;
  json["test_accuracy_last_10"] = s.last_mean;
  json["test_accuracy_last_10_std"] = s.last_std;
  if (config_.target) {
    json["target"] = *config_.target;
    json["rounds_to_target"] = s.rounds_to_target ? nlohmann::ordered_json(*s.rounds_to_target) : nullptr;
  }
  json["client_accuracy_mean"] = s.client_mean;
  json["client_accuracy_worst_decile"] = s.client_worst;
  const auto by_size = [](const auto& a, const auto& b) { return a.size() < b.size(); };
  const auto [least, most] = std::minmax_element(partition_.begin(), partition_.end(), by_size);
  json["smallest_client"] = least->size();
  json["largest_client"] = most->size();
  json["dropped"] = s.dropped;
  json["without_data"] = s.empty;
  json["bytes_up"] = s.bytes_up;
  json["bytes_down"] = s.bytes_down;
  json["seconds"] = state_.seconds;
  json["out"] = out;
  return json;
}

}  // namespace gradus
